import { describe, expect, it } from "vitest";
import { absolutePath, applyPatch, entryFrom, readProfile } from "../../src/policy/index.ts";
import type { Access, PathOperation, Places, RawProfile } from "../../src/policy/index.ts";
import { builtin, guarded, home, machine, oracle, profile, provenance, ws } from "./machine.ts";

type Filesystem = NonNullable<RawProfile["filesystem"]>;

function answer(filesystem: Filesystem, op: PathOperation, path: string, places: Places = machine(), base = ":isolated"): string {
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
    ["a deny pattern outranks depth", { "/d/**/.env": "deny", "/d/a": "write" }, "read", "/d/a/b/.env", "deny deny_glob masked"],
    ["an exact entry reopens it", { "/d/**/.env": "deny", "/d": "read", "/d/a/.env": "read" }, "read", "/d/a/.env", "allow granted host"],
    ["for that file alone", { "/d/**/.env": "deny", "/d": "read", "/d/a/.env": "read" }, "read", "/d/b/.env", "deny deny_glob masked"],
    ["an entry above does not reopen it", { "/d/**/.env": "deny", "/d/a": "write" }, "write", "/d/a/.env", "deny deny_glob masked"],
    ["a place of a token does not reopen it", { "/home/u/**/ws": "deny" }, "read", "/home/u/ws/x", "deny deny_glob masked"],
    ["a pattern takes a directory with all below", { "/d": "write", "/d/**/keys": "deny" }, "read", "/d/keys/a/b", "deny deny_glob masked"],
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
    for (const filesystem of [{ ":workspace_roots": { data: "write" } }, { "/home/u/ws/data": "write" }, { "~/ws/data/x": "read" }] as const) {
      expect(() => answer(filesystem, "read", "/etc/hostname", places)).toThrow(/leads out of the workspace/);
    }
    expect(answer({ "/etc": "read" }, "read", "/home/u/ws/data/hostname", places)).toBe("allow granted host");
    expect(answer({ ":workspace_roots": { data: "deny" } }, "read", "/etc/passwd", places)).toBe("allow granted host");
  });
});

describe("private places", () => {
  it.each<readonly [string, Filesystem, Partial<Places>, string, string]>([
    ["the home", {}, {}, "/home/u/x", "allow granted private"],
    ["a host directory in it", { "~/data": "write" }, {}, "/home/u/data/x", "allow granted host"],
    ["the host's home when named", { "~": "write" }, {}, "/home/u/x", "allow granted host"],
    ["/tmp", {}, {}, "/tmp/x", "allow granted private"],
    ["the host's /tmp when named", { ":slash_tmp": "write" }, {}, "/tmp/x", "allow granted host"],
    ["the host's /tmp by path", { "/tmp": "write" }, {}, "/tmp/x", "allow granted host"],
    ["no /tmp at all", { ":slash_tmp": "deny" }, {}, "/tmp/x", "deny denied_by_rule masked"],
    ["$TMPDIR", {}, { tmpdir: absolutePath("/scratch/u") }, "/scratch/u/x", "allow granted private"],
    ["the host's $TMPDIR when named", { ":tmpdir": "write" }, { tmpdir: absolutePath("/scratch/u") }, "/scratch/u/x", "allow granted host"],
    ["unset $TMPDIR", { ":tmpdir": "write" }, {}, "/scratch/u/x", "deny no_rule masked"],
    ["/dev is never the host's", { "/dev": "write" }, {}, "/dev/sda", "allow granted private"],
    ["/dev may be taken away", { "/dev": "deny" }, {}, "/dev/null", "deny denied_by_rule masked"],
    ["an own deny in a private home stays", { "~/secret": "deny" }, {}, "/home/u/secret/x", "deny denied_by_rule masked"],
    ["a home that is / is not private", {}, { home: absolutePath("/"), workspaceRoots: [], toolchains: [] }, "/srv/x", "deny no_rule masked"],
  ])("%s", (_, filesystem, over, path, expected) => {
    expect(answer(filesystem, "write", path, machine(over))).toBe(expected);
  });

  it.each(["/", "/home", "/home/u", "/home/u/ws", "/usr", "/usr/share", "/etc"])("TMPDIR=%s grants nothing", (tmpdir) => {
    const places = machine({ tmpdir: absolutePath(tmpdir) });
    expect(() => answer({ ":tmpdir": "write" }, "write", "/etc/x", places)).toThrow(/TMPDIR/);
    expect(answer({}, "write", "/etc/passwd", places)).toBe("deny read_only host");
    expect(answer({}, "write", "/home/u/ws/x", places)).toBe("allow granted host");
  });
});

describe("credentials", () => {
  it.each<readonly [string, Filesystem, string, string, string]>([
    ["hidden by the private home", {}, ":isolated", "/home/u/.aws/credentials", "allow granted private"],
    ["denied under a granted home", { "~": "read" }, ":isolated", "/home/u/.aws/credentials", "deny credential masked"],
    ["denied by pattern under a granted home", { "~": "read" }, ":isolated", "/home/u/.yarnrc.yml", "deny credential masked"],
    ["denied under a granted parent", { "~/.config": "read" }, ":isolated", "/home/u/.config/gh/hosts.yml", "deny credential masked"],
    ["opened by name", { "~/.aws": "read" }, ":workspace", "/home/u/.aws/credentials", "allow granted host"],
    ["opened by absolute name", { "/home/u/.aws": "read" }, ":workspace", "/home/u/.aws/credentials", "allow granted host"],
    ["opened below", { "~/.ssh/known_hosts": "read" }, ":workspace", "/home/u/.ssh/known_hosts", "allow granted host"],
    ["and only there", { "~/.ssh/known_hosts": "read" }, ":workspace", "/home/u/.ssh/id", "deny credential masked"],
    ["opened below in a private home", { "~/.ssh/known_hosts": "read" }, ":isolated", "/home/u/.ssh/known_hosts", "allow granted host"],
    ["and not beside it", { "~/.ssh/known_hosts": "read" }, ":isolated", "/home/u/.ssh/id", "deny credential masked"],
    ["not opened by the home", { "~": "write" }, ":workspace", "/home/u/.netrc", "deny credential masked"],
    ["a pattern's file opened by name", { "~/.yarnrc.yml": "read" }, ":workspace", "/home/u/.yarnrc.yml", "allow granted host"],
    ["denied in a profile that extends nothing", { ":root": "read" }, "", "/home/u/.ssh/id", "deny credential masked"],
    ["left alone where everything is allowed", { "/x": "deny" }, ":danger-full-access", "/home/u/.ssh/id", "allow granted host"],
  ])("%s", (_, filesystem, base, path, expected) => {
    const made = profile({ ...(base !== "" && { extends: base }), filesystem });
    const { effect, reason, where } = oracle(made).decide({ op: "read", path });
    expect(`${effect} ${reason} ${where}`).toBe(expected);
  });

  it("is named, with what would show it, where the private home has another", () => {
    const asked = oracle(builtin(":isolated"));
    expect(asked.decide({ op: "read", path: "/home/u/.ssh/id_x" })).toMatchObject({
      effect: "allow",
      where: "private",
      rule: { kind: "credential", text: '"~/.ssh" = "deny"' },
      provenance: { file: "sandbox-profiles/credentials.toml" },
      suggestion: { argv: ["--read", "~/.ssh/id_x"] },
    });
    expect(asked.decide({ op: "read", path: "/home/u/.yarnrc.yml" }).rule?.kind).toBe("credential");
    expect(asked.decide({ op: "read", path: "/home/u/.cache/x" })).toMatchObject({ rule: { kind: "filesystem" }, suggestion: null });
  });

  it("is denied where a symlink keeps it", () => {
    const places = machine({}, { "/home/u/.ssh": "/vault/ssh" });
    expect(answer({}, "read", "/vault/ssh/id", places, ":workspace")).toBe("deny credential masked");
    expect(answer({}, "read", "/vault/other", places, ":workspace")).toBe("allow granted host");
  });
});

describe("protected names", () => {
  it.each<readonly [string, RawProfile, string, string]>([
    ["held", {}, ".git/hooks/pre-commit", "deny protected_name"],
    ["opened by an entry for the same path", { filesystem: { ":workspace_roots": { ".": "write", ".git/hooks": "write" } } }, ".git/hooks/pre-commit", "allow granted"],
    ["not opened by one above", { filesystem: { ":workspace_roots": { ".": "write", ".git": "write" } } }, ".git/hooks/pre-commit", "deny protected_name"],
    ["git switched off", { protect: { git: "off" } }, ".git/hooks/pre-commit", "allow granted"],
    ["git switched off leaves the others", { protect: { git: "off" } }, ".vscode/tasks.json", "deny protected_name"],
    ["one name switched off", { protect: { off: [".vscode"] } }, ".vscode/tasks.json", "allow granted"],
    ["one name switched off leaves git", { protect: { off: [".vscode"] } }, ".git/config", "deny protected_name"],
    ["git as a whole", { protect: { git: "all" } }, ".git/index", "deny protected_name"],
    ["git in part", {}, ".git/index", "allow granted"],
    ["a sibling of the same beginning", {}, ".vscode-other/tasks.json", "allow granted"],
  ])("%s", (_, raw, path, expected) => {
    const { effect, reason } = oracle(profile({ extends: ":isolated", ...raw })).decide({ op: "write", path });
    expect(`${effect} ${reason}`).toBe(expected);
  });

  it("are free only when every layer frees them", () => {
    const free = profile({ extends: ":isolated", protect: { git: "off" } });
    const query = { op: "write", path: ".git/hooks/x" } as const;
    expect(oracle([free, builtin(":workspace")]).decide(query).reason).toBe("protected_name");
    expect(oracle([free, builtin(":danger-full-access")]).decide(query).effect).toBe("allow");
    expect(oracle([free, free]).decide(query).effect).toBe("allow");
  });

  it("hold the directories above them, up to the writable root", () => {
    const places = machine({ protectedPaths: [guarded("a/b/.git/hooks", "git")] });
    const asked = oracle(builtin(":isolated"), places);
    for (const path of ["a", "a/b", "a/b/.git"]) expect(asked.decide({ op: "move", path }).reason).toBe("pinned_ancestor");
    for (const path of ["b", "a/c", "a/b/src", "a/b/.git/objects"]) expect(asked.decide({ op: "move", path }).effect).toBe("allow");
  });
});

describe("a file system that folds names", () => {
  const folded = oracle(profile({ extends: ":isolated", filesystem: { ":workspace_roots": { ".": "write", "**/.ENV": "deny" } } }), machine({ folding: [ws] }));
  const plain = oracle(builtin(":isolated"));
  it.each([
    [".GIT/Hooks/pre-commit", "protected_name"],
    [".VSCode/tasks.json", "protected_name"],
    [".g\u200cit/config", "protected_name"],
    ["a/.env", "deny_glob"],
  ])("refuses %j as the name it stands for", (path, reason) => {
    expect(folded.decide({ op: "write", path }).reason).toBe(reason);
    expect(plain.decide({ op: "write", path }).effect).toBe("allow");
  });

  it("pins under every spelling, and leaves other names alone", () => {
    expect(folded.decide({ op: "move", path: ".GIT" }).reason).toBe("pinned_ancestor");
    expect(folded.decide({ op: "write", path: ".gitignore" }).effect).toBe("allow");
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
    const base = applyPatch(builtin(":isolated"), readProfile("x", { filesystem: { "/d": "write" } }, () => provenance()));
    const entry = entryFrom("/d", "deny", provenance("flag"), "--deny /d");
    const made = applyPatch(base, { name: "x", provenance: provenance("flag"), entries: [entry] });
    const decision = oracle(made).decide({ op: "read", path: "/d/x" });
    expect(decision).toMatchObject({ effect: "deny", rule: { text: "--deny /d" }, provenance: { layer: "flag" } });
  });
});
