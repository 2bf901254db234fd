import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absolutePath, compile, resolve } from "../../src/policy/index.ts";
import type { Oracle, PathOperation, Places, Policy, Query } from "../../src/policy/index.ts";
import { stage } from "./stage.ts";

const places: Places = {
  home: absolutePath("/home/me"),
  cwd: absolutePath("/home/me/work"),
  workspaceRoots: [absolutePath("/home/me/work")],
  tmpdir: null,
  minimal: ["/usr", "/etc/passwd"].map((path) => absolutePath(path)),
  toolchains: [],
  toolState: [absolutePath("/home/me/.local/state/sandboxed")],
  protectedPaths: [],
  canonical: (path) => path,
};

function oracleOf(policy: Policy): Oracle {
  return compile(resolve(policy, places));
}

const paths = [
  "/",
  "/data",
  "/data/x",
  "/srv",
  "/usr/bin/sh",
  "/home/me",
  "/home/me/.ssh/id",
  "/home/me/work/a",
  "/home/me/work/.env",
  "/tmp/x",
];
const operations: readonly PathOperation[] = ["read", "write", "create", "list", "exec", "move"];
const targets = [
  "/data",
  "/data/x",
  "/srv",
  "/",
  ":root",
  ":minimal",
  "~/.ssh",
  ":workspace_roots",
  ":home",
  ":slash_tmp",
  "**/.env",
];

/** A `[permissions.p]` table of a project, among them ones that ask for everything. */
const table = fc
  .record({
    base: fc.constantFrom(":isolated", ":workspace", ":read-only", ":danger-full-access", null),
    entries: fc.uniqueArray(fc.tuple(fc.constantFrom(...targets), fc.constantFrom("read", "write", "deny")), {
      maxLength: 4,
      selector: ([target]) => target,
    }),
    network: fc.constantFrom("off", "restricted", "full", null),
    inherit: fc.constantFrom("core", "none", "all", null),
  })
  .map(({ base, entries, network, inherit }) => {
    const possible = entries.filter(([target, access]) => isPossible(target, access));
    return [
      "[permissions.p]",
      ...(base === null ? [] : [`extends = "${base}"`]),
      ...(network === null ? [] : [`network.mode = "${network}"`, 'network.domains = { "example.com" = "allow" }']),
      ...(inherit === null ? [] : [`environment.inherit = "${inherit}"`, 'environment.include = ["API_TOKEN"]']),
      "[permissions.p.filesystem]",
      ...possible.map(([target, access]) => `"${target}" = "${access}"`),
    ].join("\n");
  });

function isPossible(target: string, access: string): boolean {
  if (target.startsWith("**")) return access === "deny";
  if (target === ":minimal") return access !== "write";
  return target !== ":home" || access !== "read";
}

function allows(oracle: Oracle, query: Query): boolean {
  return oracle.decide(query).effect === "allow";
}

function projectWith(access: string): string {
  return `default_permissions = "p"\n[permissions.p]\nextends = ":workspace"\n[permissions.p.filesystem]\n"/data" = "${access}"`;
}

const users = ["", 'default_permissions = ":workspace"', 'default_permissions = ":read-only"'];

describe("a project's file", () => {
  it("never lets anything be done that could not be done without it, whatever it says", async () => {
    for (const user of users) {
      const alone = stage({ user });
      const before = oracleOf((await alone.load()).policy);
      await fc.assert(
        fc.asyncProperty(table, fc.boolean(), async (project, isDefault) => {
          const both = stage({ user, project: `${isDefault ? 'default_permissions = "p"\n' : ""}${project}` });
          const after = oracleOf((await both.load(isDefault ? {} : { permissions: "p" })).policy);
          for (const op of operations)
            for (const path of paths) {
              if (allows(after, { op, path }))
                expect([op, path, allows(before, { op, path })]).toEqual([op, path, true]);
            }
          for (const query of [
            { op: "connect", host: "example.com", port: 443 },
            { op: "env", name: "API_TOKEN" },
            { op: "env", name: "EDITOR" },
          ] as const) {
            if (allows(after, query)) expect([query, allows(before, query)]).toEqual([query, true]);
          }
        }),
        { numRuns: 60 },
      );
    }
  });

  it("does narrow: what it denies is denied, and the same file without that line is not", async () => {
    const user =
      'default_permissions = "u"\n[permissions.u]\nextends = ":workspace"\n[permissions.u.filesystem]\n"/data" = "write"';
    const query = { op: "write", path: "/data/x" } as const;
    for (const [access, effect] of [
      ["read", "deny"],
      ["deny", "deny"],
      ["write", "allow"],
    ] as const) {
      const { policy } = await stage({ user, project: projectWith(access) }).load();
      expect(oracleOf(policy).decide(query).effect).toBe(effect);
    }
  });

  it("does not raise limits, lower protection or set variables", async () => {
    const loose = [
      'default_permissions = "p"',
      "[permissions.p]",
      'extends = ":workspace"',
      'deny_glob = "snapshot"',
      'workspace_roots = ["/srv"]',
      "[permissions.p.limits]",
      'wall_time = "none"',
      'max_pause = "9h"',
      'memory = "none"',
      "processes = 1000000",
      'tmp_size = "1TiB"',
      "[permissions.p.protect]",
      'git = "off"',
      'off = ["*"]',
      "[permissions.p.environment]",
      'set = { LD_PRELOAD = "/home/me/work/evil.so" }',
    ].join("\n");
    const user =
      'default_permissions = "u"\n[permissions.u]\nextends = ":workspace"\ndeny_glob = "strict"\n[permissions.u.limits]\nwall_time = "5s"\nmemory = "1GiB"';
    const { policy } = await stage({ user, project: loose }).load();
    const resolved = resolve(policy, places);
    expect(resolved.limits).toMatchObject({
      wallTime: 5000,
      maxPause: 1_800_000,
      memory: 1024 ** 3,
      processes: 4096,
      tmpSize: 1024 ** 3,
    });
    expect(resolved.protect).toMatchObject({ git: "metadata", off: new Set() });
    expect(resolved.denyGlob).toBe("strict");
    expect(resolved.environment.set.has("LD_PRELOAD")).toBe(false);
    const own = await stage({ user: loose }).load();
    expect(resolve(own.policy, places).environment.set.has("LD_PRELOAD")).toBe(true);
    expect(resolve(own.policy, places).protect.git).toBe("off");
  });

  describe("takes away what it says, and nothing else", () => {
    const options = {
      read: ["/srv/app", "/home/me/.pgpass"],
      write: ["/data"],
      network: "full",
      environment: ["API_TOKEN"],
      timeout: "2h",
      memory: "64GiB",
      processes: "9999",
    } as const;
    const queries: readonly Query[] = [
      { op: "read", path: "/srv/app" },
      { op: "read", path: "/home/me/.pgpass" },
      { op: "create", path: "/data/x" },
      { op: "create", path: "/home/me/work/.vscode" },
      { op: "connect", host: "example.com", port: 443 },
      { op: "env", name: "API_TOKEN" },
    ];
    const rows: readonly (readonly [what: string, table: string, taken: readonly number[]])[] = [
      ["nothing", "", []],
      ["a pattern", '[permissions.p.filesystem]\n":workspace_roots" = { "**/.env" = "deny" }', []],
      ["a path", '[permissions.p.filesystem]\n"/srv" = "deny"', [0]],
      ["writing", '[permissions.p.filesystem]\n"/data" = "read"', [2]],
      ["what repositories hold", '[permissions.p.protect]\ngit = "metadata"', []],
      ["what anybody freed", "[permissions.p.protect]\noff = []", [3]],
      ["the network", '[permissions.p.network]\nmode = "off"', [4]],
      ["all hosts but one", '[permissions.p.network]\ndomains = { "a.example" = "allow" }', [4]],
      ["all hosts but bundles", '[permissions.p.network]\nbundles = ["npm"]', [4]],
      ["variables", '[permissions.p.environment]\ninherit = "core"', [5]],
      ["one variable", '[permissions.p.environment]\nexclude = ["API_*"]', [5]],
      ["all that a profile takes away", '[permissions.p]\nextends = ":isolated"', [0, 1, 2, 3, 4, 5]],
    ];
    it.each(rows)("%s", async (_, lines, taken) => {
      const user =
        'default_permissions = "u"\n[permissions.u]\nextends = ":isolated"\n[permissions.u.protect]\noff = [".vscode"]';
      const project = `default_permissions = "p"\n${lines === "" ? "[permissions.p]" : lines}`;
      const { policy } = await stage({ user, project }).load(options);
      const root = absolutePath("/home/me/work");
      const name = {
        path: absolutePath(`${root}/.vscode`),
        kind: "missing",
        list: "tools",
        name: ".vscode",
        root,
      } as const;
      const asked = compile(resolve(policy, { ...places, protectedPaths: [name] }));
      const isReached = (query: Query): boolean => {
        const { effect, where } = asked.decide(query);
        return effect === "allow" && where === "host";
      };
      const lost = queries.flatMap((query, index) => (isReached(query) ? [] : [index]));
      expect(lost).toEqual(taken);
    });

    it("limits that it sets count, those that it leaves out do not", async () => {
      const limitsOf = async (lines: string) => {
        const project = `default_permissions = "p"\n[permissions.p.limits]\n${lines}`;
        return resolve((await stage({ project }).load(options)).policy, places).limits;
      };
      const open = { wallTime: 7_200_000, memory: 64 * 1024 ** 3, processes: 9999, openFiles: 4096 };
      expect(await limitsOf("")).toMatchObject(open);
      expect(await limitsOf('wall_time = "1m"\nopen_files = 64')).toMatchObject({
        ...open,
        wallTime: 60_000,
        openFiles: 64,
      });
      expect(await limitsOf('wall_time = "9h"\nprocesses = 100000')).toMatchObject(open);
    });
  });
});
