import { describe, expect, it } from "vitest";
import { applyPatch, compile, entryFrom, resolve } from "../../src/policy/index.ts";
import type { Oracle, PathOperation, Profile, Query, RawProfile } from "../../src/policy/index.ts";
import { builtin, guarded, machine, oracle, profile, provenance } from "./machine.ts";

describe("a refusal suggests the narrowest option", () => {
  const asked = oracle(builtin(":isolated"));
  it.each<readonly [Query, string]>([
    [{ op: "read", path: "/data/x.csv" }, "--read /data/x.csv"],
    [{ op: "exec", path: "/opt/tool" }, "--read /opt/tool"],
    [{ op: "list", path: "/data" }, "--read /data"],
    [{ op: "write", path: "/data/x.csv" }, "--write /data/x.csv"],
    [{ op: "create", path: "/data/new.csv" }, "--write /data"],
    [{ op: "move", path: "/data/old.csv" }, "--write /data"],
    [{ op: "create", path: "/new" }, ""],
    [{ op: "write", path: "/proc/sys/kernel/x" }, ""],
    [{ op: "write", path: "/home/u/ws/.vscode" }, ""],
    [{ op: "write", path: ".git/hooks/pre-commit" }, "--write ~/ws/.git/hooks"],
    [{ op: "connect", host: "pypi.org", port: 443 }, "--allow-domain pypi.org"],
    [{ op: "connect_unix", path: "/run/app.sock" }, "--allow-unix-socket /run/app.sock"],
    [{ op: "env", name: "API_TOKEN" }, "-e API_TOKEN"],
    [{ op: "read", path: "/" }, ""],
    [{ op: "write", path: "/home" }, ""],
    [{ op: "move", path: "/home/u/ws" }, ""],
    [{ op: "read", path: "/home/u/.local/state/sandboxed/k" }, ""],
  ])("%j: %s", (query, argv) => {
    const { effect, suggestion } = asked.decide(query);
    expect(effect).toBe("deny");
    expect(suggestion?.argv.join(" ")).toBe(argv);
    expect(suggestion?.config).toBeTruthy();
  });

  it("shortens the home directory", () => {
    const workspace = oracle(builtin(":workspace"));
    expect(workspace.decide({ op: "read", path: "/home/u/.ssh/id_x" }).suggestion?.argv).toEqual([
      "--read",
      "~/.ssh/id_x",
    ]);
    expect(workspace.decide({ op: "write", path: "/home/u/x" }).suggestion?.argv).toEqual(["--write", "~/x"]);
    expect(workspace.decide({ op: "create", path: "/home/u/x" }).suggestion?.argv).toEqual([]);
    expect(workspace.decide({ op: "write", path: "/home/u" }).suggestion?.argv).toEqual([]);
  });

  it.each<readonly [PathOperation, string, RawProfile]>([
    ["read", "/data/x", {}],
    ["write", "/data/x", { filesystem: { "/data": "read" } }],
    ["read", "/data/x", { filesystem: { "/data": "deny" } }],
    ["read", "/data/x", { filesystem: { "/data": "deny", "/data/x": "deny" } }],
    ["read", "/home/u/.ssh/id", { filesystem: { "~": "read" } }],
    ["read", "/home/u/.yarnrc.yml", { filesystem: { "~": "read" } }],
    ["read", "/home/u/ws/.env", { filesystem: { ":workspace_roots": { ".": "write", "**/.env": "deny" } } }],
    ["write", "/home/u/ws/.git/hooks/x", {}],
    ["create", "/data/a/x", { filesystem: { "/data": "read" } }],
    ["read", "/srv/app/[slug]/page.ts", {}],
    ["list", "/srv/a b", {}],
  ])("which works: %s %s with %j", (op, path, raw) => {
    const base = profile({ extends: ":isolated", ...raw });
    const before = oracle(base).decide({ op, path });
    expect(before.effect).toBe("deny");
    const [option = "", value = ""] = before.suggestion?.argv ?? [];
    const entry = entryFrom(value, option === "--write" ? "write" : "read", provenance("flag"), `${option} ${value}`);
    const after = applyPatch(base, { name: "flags", provenance: provenance("flag"), entries: [entry] });
    expect(oracle(after).decide({ op, path })).toMatchObject({ effect: "allow", where: "host" });
  });
});

describe("where no option would do, it says what would", () => {
  const flagged = (raw: RawProfile, ...options: readonly (readonly ["read" | "write" | "deny", string])[]) => {
    const entries = options.map(([access, path]) => entryFrom(path, access, flag, `--${access} ${path}`));
    return applyPatch(profile({ extends: ":isolated", ...raw }), { name: "flags", provenance: flag, entries });
  };
  const flag = { layer: "flag", file: null, line: null, column: null, owner: "you" } as const;
  const missingHook = machine({ protectedPaths: [guarded(".git/config.worktree", "git", "missing")] });
  it.each<readonly [string, Query, Oracle, string]>([
    [
      "an option that denies the same path",
      { op: "read", path: "/data/a" },
      oracle(flagged({ filesystem: { "/data": "read" } }, ["deny", "/data/a"])),
      "leave out --deny /data/a",
    ],
    [
      "a line that denies it in other words",
      { op: "read", path: "/home/u/ws/a.txt" },
      oracle(profile({ extends: ":isolated", filesystem: { ":workspace_roots": { "a.txt": "deny" } } })),
      'config.toml:1: change ":workspace_roots" = { "a.txt" = "deny" }, which denies it by name',
    ],
    [
      "a pattern on the name of a file to be made",
      { op: "create", path: "/data/x.key" },
      oracle(profile({ extends: ":isolated", filesystem: { "/data": "write", "**/*.key": "deny" } })),
      'config.toml:1: change "**/*.key" = "deny", which denies it by name',
    ],
    [
      "a file at the top that is not there",
      { op: "create", path: "/foo" },
      oracle(builtin(":isolated")),
      "make it first: what is there can be granted with --write /foo",
    ],
    [
      "a file in the home that is not there",
      { op: "create", path: "/home/u/foo" },
      oracle(builtin(":workspace")),
      "make it first: what is there can be granted with --write ~/foo",
    ],
    [
      "a protected name that is not there",
      { op: "create", path: "/home/u/ws/.vscode/tasks.json" },
      oracle(builtin(":isolated")),
      '[permissions.NAME.protect] off = [".vscode"]',
    ],
    [
      "a part of a repository that is not there",
      { op: "create", path: "/home/u/ws/.git/config.worktree" },
      oracle(builtin(":isolated"), missingHook),
      "make it first: what is there can be granted with --write ~/ws/.git/config.worktree",
    ],
    [
      "what every run has of its own",
      { op: "write", path: "/proc/1/environ" },
      oracle(builtin(":isolated")),
      "it is made anew for each run; no option opens the host's",
    ],
  ])("%s", (_, query, asked, says) => {
    const { effect, suggestion } = asked.decide(query);
    expect([effect, suggestion]).toEqual(["deny", { argv: [], config: says }]);
  });

  it("what may be listed only as the way to something is not said to be forbidden", () => {
    const asked = oracle(builtin(":isolated"));
    expect(asked.decide({ op: "list", path: "/" })).toMatchObject({
      effect: "allow",
      where: "masked",
      rule: { text: "what can be read lies below it" },
    });
    expect(asked.decide({ op: "list", path: "/srv" })).toMatchObject({
      effect: "deny",
      rule: { text: "nothing allows it" },
    });
  });

  it("a line of a file gives way to an option that can be typed in one way only", () => {
    const inHome = oracle(flagged({ filesystem: { "~/ws": { "a.txt": "deny" } } }));
    expect(inHome.decide({ op: "read", path: "/home/u/ws/a.txt" }).suggestion?.argv).toEqual([]);
    const outside = oracle(flagged({ filesystem: { "/data/a.txt": "deny" } }));
    expect(outside.decide({ op: "read", path: "/data/a.txt" }).suggestion?.argv).toEqual(["--read", "/data/a.txt"]);
    const given = oracle(flagged({ filesystem: { "/data/a.txt": "deny" } }, ["read", "/data/a.txt"]));
    expect(given.decide({ op: "read", path: "/data/a.txt" }).effect).toBe("allow");
  });
});

describe("where the project would still refuse", () => {
  const chosenBy = {
    layer: "project",
    file: ".sandboxed/config.toml",
    line: 3,
    column: 1,
    owner: "the project",
  } as const;
  const both = (mine: Profile, theirs: Profile): Oracle =>
    compile(
      resolve(
        {
          layers: [
            { layer: "user", profile: mine },
            { layer: "project", profile: theirs, chosenBy },
          ],
        },
        machine(),
      ),
    );
  const queries: readonly (readonly [PathOperation, string])[] = [
    ["read", "/home/u/.pgpass"],
    ["read", "/home/u/notes.txt"],
    ["read", "/data/x"],
    ["write", "/data/x"],
    ["write", "/home/u/ws/.git/hooks/pre-commit"],
  ];
  it.each(queries)("%s %s is said to be up to it, and an option is named where nobody else refuses", (op, path) => {
    const isolated = profile({ extends: ":isolated" });
    const narrow = profile({ extends: ":danger-full-access", filesystem: { "/none": "deny" } }, "project");
    const refused = both(isolated, isolated).suggest(op, path);
    expect(refused.argv).toEqual([]);
    expect(refused.config).toBe("this is up to the project (.sandboxed/config.toml:3); no option of yours changes it");
    const asked = both(isolated, narrow);
    const [option = "", value = ""] = asked.suggest(op, path).argv;
    expect(option).toBe(op === "write" ? "--write" : "--read");
    const entry = entryFrom(value, op === "write" ? "write" : "read", provenance("flag"), `${option} ${value}`);
    const after = applyPatch(isolated, { name: "flags", provenance: provenance("flag"), entries: [entry] });
    expect(both(after, narrow).decide({ op, path })).toMatchObject({ effect: "allow", where: "host" });
    expect(both(after, isolated).decide({ op, path })).not.toMatchObject({ effect: "allow", where: "host" });
  });

  it.each<Query>([
    { op: "connect", host: "a.example", port: 443 },
    { op: "dns", name: "a.example" },
    { op: "connect_unix", path: "/run/app.sock" },
    { op: "env", name: "API_TOKEN" },
    { op: "env", name: "EDITOR" },
  ])("%j as well", (query) => {
    const isolated = profile({ extends: ":isolated" });
    const open = profile({ extends: ":danger-full-access", filesystem: { "/none": "deny" } }, "project");
    expect(both(isolated, isolated).decide(query).suggestion).toEqual({
      argv: [],
      config: "this is up to the project (.sandboxed/config.toml:3); no option of yours changes it",
    });
    expect(both(isolated, open).decide(query).suggestion?.argv).toHaveLength(2);
  });

  it("a refusal without a rule names the line that chose its profile", () => {
    const decision = both(profile({ extends: ":workspace" }), profile({ extends: ":isolated" })).decide({
      op: "read",
      path: "/data/x",
    });
    expect(decision).toMatchObject({ reason: "no_rule", provenance: chosenBy });
  });
});

describe("where an option would be useless", () => {
  const mine = profile({ extends: ":isolated", filesystem: { "/data": "write" } });
  it.each(["requirements", "project"] as const)("a %s layer is named instead", (layer) => {
    const theirs = profile({ extends: ":danger-full-access", filesystem: { "/data": "deny" } }, layer);
    const { reason, suggestion, provenance: from } = oracle([mine, theirs]).decide({ op: "read", path: "/data/x" });
    expect({ reason, argv: suggestion?.argv, layer: from?.layer }).toEqual({
      reason: "denied_by_rule",
      argv: [],
      layer,
    });
    expect(suggestion?.config).toContain("config.toml:1");
    expect(oracle(mine).decide({ op: "read", path: "/data/x" }).effect).toBe("allow");
  });

  it("the layer that is hardest to change is named, even when the caller's own refuses as well", () => {
    const theirs = profile({ extends: ":danger-full-access", filesystem: { "/secret": "deny" } }, "requirements");
    expect(oracle([mine, theirs]).decide({ op: "read", path: "/secret/x" }).provenance?.layer).toBe("requirements");
    expect(oracle([mine]).decide({ op: "read", path: "/secret/x" }).suggestion?.argv).toEqual(["--read", "/secret/x"]);
  });

  it("the same goes for destinations", () => {
    const theirs = profile(
      { extends: ":danger-full-access", network: { domains: { "a.example": "deny" } } },
      "requirements",
    );
    const open = profile({ extends: ":isolated", network: { domains: { "a.example": "allow" } } });
    expect(oracle([open, theirs]).decide({ op: "connect", host: "a.example", port: 443 })).toMatchObject({
      effect: "deny",
      suggestion: { argv: [] },
    });
    expect(oracle([open], machine()).decide({ op: "connect", host: "a.example", port: 443 }).effect).toBe("allow");
  });
});
