import { describe, expect, it } from "vitest";
import { absolutePath, entryFrom } from "../../../../src/policy/index.ts";
import type { Access, Profile } from "../../../../src/policy/index.ts";
import { bwrapArguments, guardInstructions, initInstructions } from "../../../../src/sandbox/linux/plan/index.ts";
import type { LaunchPlan, MountStep } from "../../../../src/sandbox/plan.ts";
import { facts, planOf, workspace } from "./machine.ts";

const provided = { init: "/opt/tool/native/sandbox-init", emptyFile: "/home/ann/.cache/sandboxed/denied" };

/** One argument group a line: an option and what belongs to it. */
function lines(words: readonly string[]): string {
  return words.map((word, index) => (word.startsWith("--") ? (index === 0 ? word : `\n${word}`) : ` ${word}`)).join("");
}

/** One record a line: the decoder knows how many words each name takes. The first tells how long the rest is. */
function records(bytes: Buffer): string {
  const [name, length, ...words] = bytes.toString("utf8").split("\0");
  expect([name, Number(length)]).toEqual(["length", Buffer.byteLength(words.join("\0"))]);
  const taken: Readonly<Record<string, number>> = { id: 2, owner: 2, limit: 2, expect: 4, quarantine: 2, gathered: 2 };
  const out: string[] = [];
  for (let at = 0; at < words.length - 1;) {
    const isLink = words[at] === "gathered" && words[at + 1] === "link";
    const count = 1 + (isLink ? 3 : (taken[words[at] ?? ""] ?? 1));
    out.push(words.slice(at, at + count).join(" "));
    at += count;
  }
  return out.join("\n");
}

function granting(...entries: readonly (readonly [path: string, access: Access])[]): (profile: Profile) => Profile {
  const provenance = { layer: "flag", file: null, line: null, column: null, owner: "you" } as const;
  return (profile) => ({
    ...profile,
    filesystem: {
      ...profile.filesystem,
      entries: [
        ...profile.filesystem.entries,
        ...entries.map(([path, access]) => entryFrom(path, access, provenance, `--${access} ${path}`)),
      ],
    },
  });
}

function mounts(plan: LaunchPlan): readonly string[] {
  return plan.mounts.map((step) => [step.do, step.to, "access" in step ? step.access : ""].join(" ").trim());
}

function folder(plan: LaunchPlan): string {
  return plan.privateHome?.folder ?? "";
}

describe("a plan", () => {
  it("is the same for the same facts, and plain JSON", () => {
    const plan = planOf();
    expect(planOf()).toEqual(plan);
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it("becomes these arguments of bubblewrap", () => {
    expect(lines(bwrapArguments(planOf(), provided))).toMatchSnapshot();
  });

  it("becomes these instructions", () => {
    const plan = planOf();
    expect(records(initInstructions(plan))).toMatchSnapshot();
    const launch = {
      bwrap: "/usr/bin/bwrap",
      bwrapArguments: ["--as-pid-1"],
      init: provided.init,
      aftermath: null,
      listenToErrors: true,
      quarantine: [{ path: "/home/ann/work/.vscode", to: "/home/ann/.local/state/sandboxed/quarantine/x/0-.vscode" }],
    };
    const holding = { ...plan, placeholders: [absolutePath("/home/ann/work/.idea")] };
    expect(records(guardInstructions(holding, launch))).toMatchSnapshot();
  });

  it("shows the private home at the place of the home, the workspace in it, and pins what leads there", () => {
    const steps = mounts(planOf());
    const order = [
      "bind /home/ann write",
      "bind /home/ann/work write",
      "bind /home/ann/work/.git write",
      "bind /home/ann/work/.git/hooks read",
    ];
    expect(order.map((step) => steps.indexOf(step))).toEqual(
      order.map((step) => steps.indexOf(step)).toSorted((a, b) => a - b),
    );
    for (const step of order) expect(steps).toContain(step);
    expect(planOf().mounts.find(({ to }) => to === "/home/ann")).toMatchObject({
      from: expect.stringContaining("/homes/"),
    });
  });

  it.each([
    ["a read-only folder under a writable one", [[`${workspace}/docs`, "read"]], ["bind /home/ann/work/docs read"], []],
    ["a denied file under a writable folder", [[`${workspace}/secret`, "deny"]], ["mask /home/ann/work/secret"], []],
    ["a folder elsewhere", [["/srv/data", "read"]], ["bind /srv/data read", "directory /srv"], []],
    [
      "a file of the host's home",
      [["~/.ssh/id_ed25519", "read"]],
      ["bind /home/ann/.ssh/id_ed25519 read", "bind /home/ann/.ssh write"],
      [],
    ],
    ["a path that does not exist", [["/srv/nothing", "read"]], [], ["bind /srv/nothing read"]],
    ["the whole system", [["/", "read"]], ["bind / read"], ["seal /"]],
  ] as const)("%s", (_, entries, present, absent) => {
    const steps = mounts(planOf(granting(...entries)));
    for (const step of present) expect(steps).toContain(step);
    for (const step of absent) expect(steps).not.toContain(step);
  });

  it("names a private home by the workspace and by what is mounted in it", () => {
    expect(folder(planOf())).toBe(folder(planOf()));
    expect(folder(planOf(granting(["~/.ssh/id_ed25519", "read"])))).not.toBe(folder(planOf()));
  });

  it("gives root's program the ids of the workspace's owner, and the namespace all ids", () => {
    const plan = planOf(undefined, facts({ uid: 0, gid: 0 }));
    expect([plan.ids.uid, plan.ids.gid, plan.fullIdRange]).toEqual([1000, 1000, true]);
    expect(planOf().fullIdRange).toBe(false);
  });

  it("leaves the secret of the environment out and tells the program where it is", () => {
    const names = planOf().environment.map(([name]) => name);
    expect(names).not.toContain("API_TOKEN");
    expect(names).toEqual(
      expect.arrayContaining(["HOME", "PATH", "SANDBOXED", "SANDBOXED_NETWORK", "SANDBOXED_SESSION_ID"]),
    );
  });

  it("masks a socket that the workspace shows", () => {
    expect(mounts(planOf())).toContain("mask /home/ann/work/host.sock");
  });

  it("binds again what the host may replace, and watches what is missing", () => {
    const plan = planOf();
    expect(plan.rebind).toEqual([
      absolutePath("/home/ann/work/.git/config"),
      absolutePath("/home/ann/work/.git/hooks"),
    ]);
    expect(plan.missing).toEqual([absolutePath("/home/ann/work/.vscode")]);
  });

  describe("of a machine with parts of /etc", () => {
    const mount = (step: string, path: string, more: object = {}): MountStep =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a step by its parts
      ({ do: step, to: absolutePath(path), ...more }) as MountStep;
    const show = (path: string, more: object = {}): MountStep =>
      mount("bind", path, { from: path, access: "read", ...more });
    const parts = [
      mount("directory", "/etc"),
      show("/etc/passwd"),
      mount("directory", "/etc/ssl"),
      show("/etc/ssl/certs"),
      mount("symlink", "/etc/localtime", { target: "/usr/share/zoneinfo/UTC" }),
    ];
    /** What bubblewrap is told of /etc, and what the first process. */
    const told = (steps: readonly MountStep[]): readonly [bwrap: string, init: string] => {
      const plan = { ...planOf(), mounts: steps };
      const ofEtc = (text: string): string =>
        text
          .split("\n")
          .filter((line) => line.includes("/etc"))
          .join("\n");
      return [
        ofEtc(lines(bwrapArguments(plan, provided))),
        ofEtc(records(initInstructions({ ...plan, expectations: [] }))),
      ];
    };

    it("has the first process take them out of the whole, which bubblewrap shows", () => {
      expect(told(parts)).toEqual([
        "--ro-bind /etc /etc",
        [
          "gather /etc",
          "gathered show /etc/passwd",
          "gathered folder /etc/ssl",
          "gathered show /etc/ssl/certs",
          "gathered link /etc/localtime /usr/share/zoneinfo/UTC",
        ].join("\n"),
      ]);
    });

    it("has bubblewrap build all of it where nothing is to be gathered", () => {
      const plan = { ...planOf(), mounts: parts };
      const alone = lines(bwrapArguments(plan, provided, null)).split("\n");
      expect(alone.filter((line) => line.includes("/etc"))).toEqual([
        "--dir /etc",
        "--ro-bind /etc/passwd /etc/passwd",
        "--dir /etc/ssl",
        "--ro-bind /etc/ssl/certs /etc/ssl/certs",
        "--symlink /usr/share/zoneinfo/UTC /etc/localtime",
      ]);
    });

    it.each<[what: string, steps: readonly MountStep[]]>([
      ["where something is covered", [...parts, mount("mask", "/etc/passwd", { kind: "file", open: false })]],
      ["where it is sealed itself", [...parts, mount("seal", "/etc")]],
      ["where something is written", [...parts, show("/etc/alternatives", { access: "write" })]],
      ["where something comes from elsewhere", [...parts, show("/etc/hosts", { from: "/home/ann/hosts" })]],
      ["where one part stands in another", [...parts, show("/etc/ssl/certs/one.pem")]],
      ["where there are too many", [...parts, ...Array.from({ length: 260 }, (_, n) => show(`/etc/file${n}`))]],
      ["where nothing of the host is shown", parts.filter((step) => step.do !== "bind")],
      ["where all of it is shown", [show("/etc")]],
    ])("leaves it to bubblewrap %s", (_, steps) => {
      const [bwrap, init] = told(steps);
      expect(bwrap.split("\n")).toHaveLength(steps.length);
      expect(init).toBe("");
    });
  });
});
