import { describe, expect, it } from "vitest";
import { absolutePath } from "../../../../src/policy/index.ts";
import type { Entry, MaterialisedEntry, Target } from "../../../../src/policy/index.ts";
import type { PathKind } from "../../../../src/sandbox/facts.ts";
import { planLandlock } from "../../../../src/sandbox/linux/plan/landlock.ts";
import type { LandlockRequest } from "../../../../src/sandbox/linux/plan/landlock.ts";
import { facts } from "./machine.ts";

/** What each directory holds; a name that ends in `@` is a symlink, in `=` a socket. */
const disk: Readonly<Record<string, string>> = {
  "/": "bin@ dev etc home proc usr tmp",
  "/dev": "null shm sda",
  "/etc": "hostname shadow ssl",
  "/home": "ann bob",
  "/home/ann": ".ssh work notes link@ agent=",
  "/home/ann/work": "src .env",
};

function kindOf(path: string): PathKind {
  if (path === "/") return "directory";
  const at = path.lastIndexOf("/");
  const name = path.slice(at + 1);
  const found = (disk[path.slice(0, at) || "/"] ?? "").split(" ").find((each) => each.replace(/[@=]$/, "") === name);
  if (found === undefined) return "missing";
  if (path === "/dev/null") return "device";
  return found.endsWith("@") ? "symlink" : found.endsWith("=") ? "socket" : "directory";
}

type Words = readonly [
  path: string,
  access: MaterialisedEntry["access"],
  where?: MaterialisedEntry["where"],
  target?: Target,
];

function request(steps: readonly Words[], change: Partial<LandlockRequest> = {}): LandlockRequest {
  const provenance = { layer: "user", file: "x.toml", line: 3, column: 1, owner: "you" } as const;
  const host = facts();
  return {
    steps: steps.map(([path, access, where, target]): MaterialisedEntry => {
      const own: Target = target ?? { kind: "path", path: absolutePath(path) };
      const entry: Entry = { target: own, access, origin: "grant", text: `"${path}" = "${access}"`, provenance };
      return { path: absolutePath(path), access, where: where ?? (access === "deny" ? "masked" : "host"), entry };
    }),
    facts: { ...host, look: (path) => ({ kind: kindOf(path), identity: null, uid: 0, gid: 0 }) },
    list: (path) =>
      new Map(
        (disk[path] ?? "").split(" ").flatMap((name) => {
          const plain = name.replace(/[@=]$/, "");
          return plain === "" ? [] : [[plain, kindOf(`${path === "/" ? "" : path}/${plain}`)] as const];
        }),
      ),
    placeholders: [],
    made: [],
    grantedSockets: [],
    sharesNetwork: false,
    ...change,
  };
}

describe("what may be read", () => {
  const cases: readonly (readonly [name: string, steps: readonly Words[], readable: readonly string[]])[] = [
    ["a directory with nothing denied below, as a whole", [["/home/ann", "read"]], ["/home/ann"]],
    [
      "beside what is denied, name by name; no link, no socket",
      [
        ["/home/ann", "read"],
        ["/home/ann/.ssh", "deny"],
      ],
      ["/home/ann/work", "/home/ann/notes"],
    ],
    [
      "the root without devices, and without what would be private",
      [
        ["/", "read"],
        ["/tmp", "write", "private"],
        ["/etc/shadow", "deny"],
      ],
      ["/etc/hostname", "/etc/ssl", "/home", "/usr"],
    ],
    [
      "below what is denied, again",
      [
        ["/home", "read"],
        ["/home/ann", "deny"],
        ["/home/ann/work", "read"],
      ],
      ["/home/bob", "/home/ann/work"],
    ],
    [
      "as a whole, where what is denied does not exist",
      [
        ["/home/bob", "read"],
        ["/home/bob/.ssh", "deny"],
      ],
      ["/home/bob"],
    ],
  ];
  it.each(cases)("%s", (_, steps, readable) => {
    expect(planLandlock(request(steps)).readable).toEqual([...readable, "/proc"]);
  });

  it("says so where a directory is granted in pieces", () => {
    const rules = (steps: readonly Words[]): readonly string[] =>
      planLandlock(request(steps)).reductions.map(({ rule }) => rule);
    expect(
      rules([
        ["/home/ann", "read"],
        ["/home/ann/.ssh", "deny"],
      ]),
    ).toContain("directories above what is denied");
    expect(rules([["/home/ann", "read"]])).not.toContain("directories above what is denied");
  });
});

describe("what may be written", () => {
  it("is a directory as a whole, and the devices that everybody needs", () => {
    const { writable } = planLandlock(
      request([
        ["/home/ann/notes", "write"],
        ["/home/ann/work", "write"],
      ]),
    );
    expect(writable).toEqual(["/home/ann/notes", "/home/ann/work", "/dev/null"]);
  });

  it.each<readonly [name: string, step: Words]>([
    ["denied", ["/home/ann/work/.env", "deny"]],
    ["read-only", ["/home/ann/work/src", "read"]],
    ["private", ["/home/ann/work/src", "write", "private"]],
  ])("leaves nothing %s out", (_, step) => {
    const write: Words = ["/home/ann/work", "write"];
    expect(() => planLandlock(request([write, step]))).toThrow(/cannot hold ".*" = ".*" \(x\.toml:3\)/);
    expect(planLandlock(request([write])).writable).toContain("/home/ann/work");
  });

  it("takes a protected name that does not exist, which is watched", () => {
    const steps: readonly Words[] = [
      ["/home/ann/work", "write"],
      ["/home/ann/work/.vscode", "read"],
    ];
    expect(planLandlock(request(steps)).writable).toContain("/home/ann/work");
  });
});

describe("what it has no words for", () => {
  const home: Target = { kind: "token", token: ":home", subpath: "" };
  it.each<readonly [name: string, steps: readonly Words[], change: Partial<LandlockRequest>]>([
    ["a private home", [["/home/ann", "write", "private", home]], {}],
    ["a single socket", [], { grantedSockets: [absolutePath("/run/a.sock")] }],
    ["a name held before it exists", [], { placeholders: [absolutePath("/home/ann/work/.vscode")] }],
    ["the tool's own folder before it exists", [], { made: [absolutePath("/home/ann/.cache/sandboxed")] }],
    ["a kernel that cannot close TCP", [], { facts: { ...facts(), kernel: { ...facts().kernel, landlockAbi: 3 } } }],
  ])("%s is refused", (_, steps, change) => {
    expect(() => planLandlock(request(steps, change))).toThrow(/landlock/);
  });

  it("a temporary directory that nobody asked for is left out, and told", () => {
    const { reductions, readable } = planLandlock(request([["/tmp", "write", "private"]]));
    expect(readable).toEqual(["/proc"]);
    expect(reductions.map(({ rule }) => rule)).toContain("temporary directories");
  });

  it("an old kernel will do with the host's network", () => {
    const old = { ...facts(), kernel: { ...facts().kernel, landlockAbi: 3 } };
    expect(planLandlock(request([], { facts: old, sharesNetwork: true })).readable).toEqual(["/proc"]);
  });
});
