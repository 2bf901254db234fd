import { describe, expect, it } from "vitest";
import { absolutePath, applyPatch, entryFrom, readProfile } from "../../src/policy/index.ts";
import type { Access, PathOperation, Places, RawProfile } from "../../src/policy/index.ts";
import { builtin, home, machine, oracle, profile, provenance, ws } from "./machine.ts";

type Filesystem = NonNullable<RawProfile["filesystem"]>;

function answer(
  filesystem: Filesystem,
  op: PathOperation,
  path: string,
  places: Places = machine(),
  base = ":isolated",
): string {
  const { effect, reason, where } = oracle(profile({ extends: base, filesystem }), places).decide({ op, path });
  return `${effect} ${reason} ${where}`;
}

describe("one layer", () => {
  it.each<readonly [string, Filesystem, PathOperation, string, string]>([
    ["a narrower read is a carve-out", { "/d": "write", "/d/ro": "read" }, "write", "/d/ro/x", "deny read_only host"],
    ["what stands beside it is not", { "/d": "write", "/d/ro": "read" }, "write", "/d/rw/x", "allow granted host"],
    ["a narrower write reopens a deny", { "/d": "deny", "/d/rw": "write" }, "write", "/d/rw/x", "allow granted host"],
    ["the deny stays around it", { "/d": "deny", "/d/rw": "write" }, "read", "/d/x", "deny denied_by_rule masked"],
    ["none is deny", { "/d": "none" }, "read", "/d/x", "deny denied_by_rule masked"],
    ["a directory with /** is that directory", { "/d/**": "read" }, "read", "/d", "allow granted host"],
    ["below it as well", { "/d/**": "read" }, "read", "/d/x/y", "allow granted host"],
    [
      "a deny pattern outranks depth",
      { "/d/**/.env": "deny", "/d/a": "write" },
      "read",
      "/d/a/b/.env",
      "deny deny_glob masked",
    ],
    [
      "an exact entry reopens it",
      { "/d/**/.env": "deny", "/d": "read", "/d/a/.env": "read" },
      "read",
      "/d/a/.env",
      "allow granted host",
    ],
    [
      "for that file alone",
      { "/d/**/.env": "deny", "/d": "read", "/d/a/.env": "read" },
      "read",
      "/d/b/.env",
      "deny deny_glob masked",
    ],
    [
      "an entry above does not reopen it",
      { "/d/**/.env": "deny", "/d/a": "write" },
      "write",
      "/d/a/.env",
      "deny deny_glob masked",
    ],
    [
      "a place of a token does not reopen it",
      { "/home/u/**/ws": "deny" },
      "read",
      "/home/u/ws/x",
      "deny deny_glob masked",
    ],
    [
      "a pattern takes a directory with all below",
      { "/d": "write", "/d/**/keys": "deny" },
      "read",
      "/d/keys/a/b",
      "deny deny_glob masked",
    ],
    ["a pattern from anywhere", { "/d": "write", "**/*.pem": "deny" }, "read", "/d/a/x.pem", "deny deny_glob masked"],
    ["and its neighbour", { "/d": "write", "**/*.pem": "deny" }, "read", "/d/a/x.pub", "allow granted host"],
    ["braces", { "/d": "write", "/d/*.{pem,key}": "deny" }, "read", "/d/x.key", "deny deny_glob masked"],
    ["braces leave the rest", { "/d": "write", "/d/*.{pem,key}": "deny" }, "read", "/d/x.txt", "allow granted host"],
    ["a literal bracket, escaped", { "/d/\\[slug\\]": "read" }, "read", "/d/[slug]/page", "allow granted host"],
    ["a new file needs its directory", { "/d/new": "write" }, "create", "/d/new", "deny no_rule masked"],
    ["below a granted one it has that", { "/d/new": "write" }, "create", "/d/new/x", "allow granted host"],
  ])("%s", (_, filesystem, op, path, expected) => {
    expect(answer(filesystem, op, path)).toBe(expected);
  });
});

describe("the workspace", () => {
  const table = { ":workspace_roots": { ".": "write", docs: "read", "**/.env": "deny", "out/**": "write" } } as const;
  it.each([
    ["write", "/home/u/ws/a", "allow granted host"],
    ["write", "/home/u/ws/docs/a", "deny read_only host"],
    ["read", "/home/u/ws/docs/a", "allow granted host"],
    ["read", "/home/u/ws/x/.env", "deny deny_glob masked"],
    ["read", "/home/u/.env", "allow granted private"],
    ["move", "/home/u/ws/docs", "deny read_only host"],
    ["move", "/home/u/ws/src", "allow granted host"],
  ] as const)("%s %s is %s", (op, path, expected) => {
    expect(answer(table, op, path)).toBe(expected);
  });

  it("grants nothing when the working directory may not grant itself", () => {
    const places = machine({ workspaceRoots: [] });
    expect(answer({}, "write", "/home/u/ws/a", places)).toBe("allow granted private");
    expect(answer({}, "read", "/srv/ws/a", places)).toBe("deny no_rule masked");
  });

  it("may have several roots, each with the whole table", () => {
    const places = machine({ workspaceRoots: [ws, absolutePath("/srv/b")] });
    expect(answer(table, "write", "/srv/b/a", places)).toBe("allow granted host");
    expect(answer(table, "write", "/srv/b/docs/a", places)).toBe("deny read_only host");
  });

  it("refuses a grant that a symlink leads out of it", () => {
    const places = machine({}, { "/home/u/ws/data": "/etc" });
    for (const filesystem of [
      { ":workspace_roots": { data: "write" } },
      { "/home/u/ws/data": "write" },
      { "~/ws/data/x": "read" },
    ] as const) {
      expect(() => answer(filesystem, "read", "/etc/hostname", places)).toThrow(/leads out of the workspace/);
    }
    expect(answer({ "/etc": "read" }, "read", "/home/u/ws/data/hostname", places)).toBe("allow granted host");
    expect(answer({ ":workspace_roots": { data: "deny" } }, "read", "/etc/passwd", places)).toBe("allow granted host");
  });
});

describe("options", () => {
  it.each<readonly [string, Access, string, string]>([
    ["/home/u/x/[slug]/p.ts", "read", "/home/u/x/[slug]/p.ts", "allow"],
    ["/data/a*b", "read", "/data/a*b", "allow"],
    ["/data/a*b", "read", "/data/axb", "deny"],
    ["/data/**", "read", "/data/x", "allow"],
    ["~/data", "read", `${home}/data/x`, "allow"],
    ["/usr/*/secret", "deny", "/usr/lib/secret", "deny"],
    ["/usr/*/secret", "deny", "/usr/lib/open", "allow"],
  ])("%s as %s: %s is %s", (key, access, path, effect) => {
    const entry = entryFrom(key, access, provenance("flag"), `--${access} ${key}`);
    const made = applyPatch(builtin(":isolated"), { name: "flags", provenance: provenance("flag"), entries: [entry] });
    const decision = oracle(made).decide({ op: "read", path });
    expect(decision.where === "private" ? "private" : decision.effect).toBe(effect);
  });

  it("replace what a profile says of the same place", () => {
    const base = applyPatch(
      builtin(":isolated"),
      readProfile("x", { filesystem: { "/d": "write" } }, () => provenance()),
    );
    const entry = entryFrom("/d", "deny", provenance("flag"), "--deny /d");
    const made = applyPatch(base, { name: "x", provenance: provenance("flag"), entries: [entry] });
    const decision = oracle(made).decide({ op: "read", path: "/d/x" });
    expect(decision).toMatchObject({ effect: "deny", rule: { text: "--deny /d" }, provenance: { layer: "flag" } });
  });
});
