import { describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import { diagnose, hostLedger, ladder, ledger } from "../../../src/sandbox/doctor/index.ts";
import type { Examined } from "../../../src/sandbox/doctor/index.ts";
import type { KernelFacts } from "../../../src/sandbox/facts.ts";
import type { Backend } from "../../../src/sandbox/plan.ts";

const kernel: KernelFacts = {
  release: "6.18.0",
  arch: "x64",
  bootId: "",
  landlockAbi: 7,
  landlockFrom: "kernel",
  pidMaxPerNamespace: true,
  userNamespaces: "ok",
  freshProc: true,
  bwrap: { path: absolutePath("/usr/bin/bwrap"), version: "0.8.0" },
};
const refused = (setting: string): Partial<KernelFacts> => ({
  userNamespaces: { refusedBy: "somebody", setting },
  freshProc: false,
});
const missing: Partial<KernelFacts> = { bwrap: { missing: "none" }, ...refused("") };

const facts = (changed: Partial<KernelFacts>, uid = 1000): Examined => ({
  kernel: { ...kernel, ...changed },
  account: { uid, gid: uid, name: "u", home: absolutePath("/home/u") },
  toolchains: [{ name: "pyenv", roots: [absolutePath("/home/u/.pyenv/versions")], path: [], environment: [] }],
});

describe("the ladder", () => {
  const cases: readonly (readonly [
    string,
    changed: Partial<KernelFacts>,
    forced: Backend | null,
    rung: string,
    reached: readonly string[],
  ])[] = [
    ["everything works", {}, null, "bwrap", ["bwrap", "bwrap-outer-proc", "landlock", "refuse"]],
    ["a covered /proc", { freshProc: false }, null, "bwrap-outer-proc", ["bwrap-outer-proc", "landlock", "refuse"]],
    ["no namespaces", refused("user.max_user_namespaces"), null, "refuse", ["landlock", "refuse"]],
    ["no namespaces, Landlock asked for", refused("x"), "landlock", "landlock", ["landlock", "refuse"]],
    ["no bubblewrap", missing, null, "refuse", ["landlock", "refuse"]],
    ["nothing at all", { ...missing, landlockAbi: 0 }, "landlock", "refuse", ["refuse"]],
    [
      "a lower rung asked for",
      {},
      "bwrap-outer-proc",
      "bwrap-outer-proc",
      ["bwrap", "bwrap-outer-proc", "landlock", "refuse"],
    ],
    [
      "a higher rung asked for than is reached",
      { freshProc: false },
      "bwrap",
      "refuse",
      ["bwrap-outer-proc", "landlock", "refuse"],
    ],
  ];
  it.each(cases)("%s", (_, changed, forced, rung, reached) => {
    const found = ladder(facts(changed), forced);
    expect(found.rung).toBe(rung);
    expect(found.rungs.filter((one) => one.reached).map(({ name }) => name)).toEqual(reached);
    for (const { why } of found.rungs) expect(why).not.toBe("");
  });
});

describe("the checks", () => {
  const cases: readonly (readonly [
    string,
    changed: Partial<KernelFacts>,
    uid: number,
    expected: Record<string, string>,
  ])[] = [
    ["everything works", {}, 1000, {}],
    [
      "no bubblewrap",
      missing,
      1000,
      { bubblewrap: "fail", "user namespaces": "fail", "/proc of its own": "warn", sandbox: "fail" },
    ],
    [
      "no namespaces",
      refused("user.max_user_namespaces"),
      1000,
      { "user namespaces": "fail", "/proc of its own": "warn", sandbox: "fail" },
    ],
    ["a covered /proc", { freshProc: false }, 1000, { "/proc of its own": "warn", sandbox: "warn" }],
    ["no Landlock", { landlockAbi: 0 }, 1000, { Landlock: "warn" }],
    ["an old Landlock", { landlockAbi: 3 }, 1000, { Landlock: "warn" }],
    ["an old kernel, as a user", { pidMaxPerNamespace: false }, 1000, {}],
    ["an old kernel, as root", { pidMaxPerNamespace: false }, 0, { "limit of tasks": "warn" }],
  ];
  it.each(cases)("%s", (_, changed, uid, expected) => {
    const checks = diagnose(facts(changed, uid));
    expect(
      Object.fromEntries(checks.filter(({ status }) => status !== "ok").map(({ name, status }) => [name, status])),
    ).toEqual(expected);
    for (const { status, fix, why } of checks) {
      expect(why).not.toBe("");
      if (status === "fail") expect(fix).toEqual(expect.any(String));
      if (status === "ok") expect(fix).toBeNull();
    }
  });

  const settings = [
    "user.max_user_namespaces",
    "kernel.unprivileged_userns_clone",
    "kernel.apparmor_restrict_unprivileged_userns",
    "the container's seccomp profile",
    "CONFIG_USER_NS",
  ];
  it.each(settings)("names %s, what to do about it, and the rung that remains", (setting) => {
    const checks = new Map(diagnose(facts(refused(setting))).map((check) => [check.name, check]));
    expect(checks.get("user namespaces")?.why).toContain(setting);
    expect(checks.get("user namespaces")?.fix).toMatch(/sysctl|apparmor|seccomp|kernel/);
    expect(checks.get("sandbox")?.fix).toContain("--backend landlock");
    const none = diagnose(facts({ ...refused(setting), landlockAbi: 0 })).find(({ name }) => name === "sandbox");
    expect(none?.fix).not.toContain("landlock");
  });
});

const holds = (rows: ReturnType<typeof ledger>) => new Map(rows.map((row) => [row.rule, row.holds]));

describe("the ledger", () => {
  it("weakens from rung to rung and says what is gone", () => {
    const [top, outer, low] = (["bwrap", "bwrap-outer-proc", "landlock"] as const).map((rung) =>
      holds(hostLedger(kernel, rung)),
    );
    const rule = "hiding the host's processes";
    expect([top, outer, low].map((rows) => rows?.get(rule))).toEqual(["always", "no", "no"]);
    expect(low?.get("hiding what exists")).toBe("no");
    expect(top?.get("credentials and denied paths")).toBe("always");
    expect(hostLedger(kernel, "none")).toEqual([]);
  });

  it("has one row a rule, and a reason wherever it does not always hold", () => {
    for (const rung of ["bwrap", "bwrap-outer-proc", "landlock"] as const) {
      for (const kernelFacts of [kernel, { ...kernel, landlockAbi: 1, pidMaxPerNamespace: false }]) {
        const rows = hostLedger(kernelFacts, rung);
        expect(new Set(rows.map(({ rule }) => rule)).size).toBe(rows.length);
        for (const row of rows) expect(row.holds === "always").toBe(row.why === null);
      }
    }
  });

  it("takes over what a plan admits, and nothing makes it stronger", () => {
    const launched = { backend: "bwrap", network: "restricted", landlock: true, landlockAbi: 7, pidMax: 400 } as const;
    const rows = holds(
      ledger({
        ...launched,
        reductions: [
          { rule: "protected names", holds: "watched", why: "too many to pin" },
          { rule: "unix sockets", holds: "watched", why: "x" },
          { rule: "second layer", holds: "no", why: "y" },
        ],
      }),
    );
    expect(rows.get("protected names")).toBe("watched");
    expect(rows.get("unix sockets")).toBe("snapshot");
    expect(rows.get("second layer")).toBe("no");
    expect(holds(ledger({ ...launched, network: "full", reductions: [] })).get("network")).toBe("no");
  });
});
