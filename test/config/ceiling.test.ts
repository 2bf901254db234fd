import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refuseExcess } from "../../src/config/index.ts";
import type { Config, ConfigFlags } from "../../src/config/index.ts";
import { absolutePath, compile, resolve } from "../../src/policy/index.ts";
import type { Places, Query } from "../../src/policy/index.ts";
import { refusal, stage } from "./stage.ts";
import type { Files } from "./stage.ts";

const places: Places = {
  home: absolutePath("/home/me"),
  cwd: absolutePath("/home/me/work"),
  workspaceRoots: [absolutePath("/home/me/work")],
  tmpdir: null,
  minimal: [absolutePath("/usr")],
  toolchains: [],
  toolState: [],
  protectedPaths: [],
  canonical: (path) => path,
};

const decide = ({ policy }: Config, query: Query) => compile(resolve(policy, places)).decide(query);

/** Its line 1 is the ceiling. */
const user = `ceiling = "most"
[permissions.most]
extends = ":workspace"
[permissions.most.filesystem]
"/srv/data" = "write"
"/srv/secret" = "deny"
[permissions.most.network.domains]
"**.example.com" = "allow"
[permissions.most.environment]
include = ["CI"]
[permissions.most.limits]
wall_time = "10m"
`;

interface Case {
  readonly name: string;
  readonly flags?: Partial<ConfigFlags>;
  readonly files?: Partial<Files>;
  /** The same kind of request, within the ceiling. */
  readonly twin?: Partial<ConfigFlags>;
}

const cases: readonly Case[] = [
  { name: "a flag for a path", flags: { write: ["/srv/other"] }, twin: { write: ["/srv/data/x"] } },
  { name: "a flag for what it denies", flags: { read: ["/srv/secret/x"] }, twin: { read: ["/srv/open"] } },
  { name: "a flag for a credential", flags: { read: ["~/.ssh/id_rsa"] }, twin: { read: ["~/notes"] } },
  { name: "a flag for the network", flags: { network: "full" }, twin: { network: "restricted" } },
  { name: "a flag for a host", flags: { allowDomain: ["evil.test"] }, twin: { allowDomain: ["api.example.com"] } },
  { name: "a flag for a port", flags: { hostPort: ["5432"] } },
  { name: "a flag for a variable", flags: { environment: ["TOKEN"] }, twin: { environment: ["CI"] } },
  { name: "a flag for time", flags: { timeout: "1h" }, twin: { timeout: "1m" } },
  { name: "a flag for a socket", flags: { allowUnixSocket: ["/run/postgresql/.s.PGSQL.5432"] } },
  { name: "another profile", flags: { permissions: ":danger-full-access" }, twin: { permissions: ":read-only" } },
  {
    name: "an override",
    flags: { overrides: ["permissions.p.filesystem={':root'='write'}", "default_permissions=p"] },
    twin: { overrides: ["permissions.p.filesystem={'/srv/data'='write'}", "default_permissions=p"] },
  },
  {
    name: "another definition of the ceiling's own profile",
    flags: { permissions: "most", overrides: ['permissions.most.filesystem."/srv/other"="write"'] },
    twin: { permissions: "most" },
  },
  {
    name: "a file that is named",
    files: { file: 'default_permissions = "p"\n[permissions.p.filesystem]\n"/srv/other" = "write"\n' },
  },
  {
    name: "protected names",
    flags: { overrides: ["permissions.p={extends=':isolated',protect={git='off'}}", "default_permissions=p"] },
  },
];

describe("the ceiling", () => {
  it.each(cases)("refuses $name that goes above it, and names its line", async ({ flags = {}, files = {}, twin }) => {
    const world = stage({ user, ...files });
    const config = await world.load(flags);
    const error = await refusal(() => refuseExcess(config.policy, places));
    expect(error.code).toBe("ceiling_exceeded");
    expect(error.message).toContain(`${world.paths.user}:1`);
    if (twin === undefined) return;
    const within = await stage({ user }).load(twin);
    expect(refuseExcess(within.policy, places)).toEqual([]);
  });

  it.each(cases)("and without it $name is nobody's business", async ({ flags = {}, files = {} }) => {
    const config = await stage({ user: user.replace(/^ceiling.*/, ""), ...files }).load(flags);
    expect(refuseExcess(config.policy, places)).toEqual([]);
  });

  it("holds by itself, whoever forgets to ask about it, and no denial offers an option", async () => {
    const config = await stage({ user }).load({ write: ["/srv/other"], allowDomain: ["evil.test"] });
    for (const query of [
      { op: "write", path: "/srv/other/x" },
      { op: "connect", host: "evil.test", port: 443 },
      { op: "env", name: "LD_AUDIT" },
    ] as const) {
      const decision = decide(config, query);
      expect([query, decision.effect]).toEqual([query, "deny"]);
      expect(decision.suggestion?.argv ?? []).toEqual([]);
    }
    expect(decide(config, { op: "write", path: "/srv/other/x" }).suggestion?.config).toContain("above the ceiling");
    expect(decide(config, { op: "write", path: "/home/me/work/x" }).effect).toBe("allow");
    expect(decide(config, { op: "read", path: "/srv/x" }).effect).toBe("deny");
  });

  it("takes nothing of a program's own places away", async () => {
    const config = await stage({ user }).load();
    expect(config.profile.name).toBe(":isolated");
    expect(decide(config, { op: "write", path: "/home/me/x" })).toMatchObject({ effect: "allow", where: "private" });
    expect(decide(config, { op: "write", path: "/tmp/x" })).toMatchObject({ effect: "allow", where: "private" });
  });

  it("only warns of what the user's own file says above it", async () => {
    const own = `default_permissions = "p"\nceiling = ":read-only"\n[permissions.p.filesystem]\n"/srv" = "write"\n`;
    const world = stage({ user: own });
    const config = await world.load();
    expect(refuseExcess(config.policy, places).join()).toMatch(
      /\/srv.*config.toml:4.*cut by the ceiling.*config.toml:2/,
    );
    expect(decide(config, { op: "write", path: "/srv/x" }).effect).toBe("deny");
  });

  it("of the administrator and of the user hold both", async () => {
    const world = stage({ system: 'ceiling = ":workspace"\n', user: 'ceiling = ":read-only"\n' });
    const config = await world.load({ write: ["/srv"] });
    expect(config.policy.layers.map(({ layer }) => layer)).toEqual(["builtin", "ceiling", "ceiling"]);
    expect(decide(config, { op: "write", path: "/home/me/work/x" }).effect).toBe("deny");
  });

  it("stays where the account is, wherever a variable moves the user's file", async () => {
    const world = stage({ account: user, user: 'ceiling = ":danger-full-access"\n' });
    const config = await world.load({ permissions: ":danger-full-access" }, { SANDBOXED_HOME: "/nowhere" });
    const error = await refusal(() => refuseExcess(config.policy, places));
    expect(error.message).toContain(`${world.paths.account}:1`);
    expect(refuseExcess((await world.load({}, { SANDBOXED_HOME: "/nowhere" })).policy, places)).toEqual([]);
  });

  it.each([
    ["in a file that is named", { file: 'ceiling = ":workspace"\n' }, {}],
    ["in a project", { project: 'ceiling = ":workspace"\n' }, {}],
    ["as an override", {}, { overrides: ["ceiling=:workspace"] }],
  ])("cannot be set %s", async (_, files, flags) => {
    expect((await refusal(() => stage({ user, ...files }).load(flags))).code).toBe("config_schema");
    expect((await stage({ user }).load()).policy.layers.some(({ layer }) => layer === "ceiling")).toBe(true);
  });

  it("that is no profile is an error with its line", async () => {
    const world = stage({ user: 'ceiling = "nothing"\n' });
    expect((await refusal(() => world.load())).message).toContain(`${world.paths.user}:1:1: there is no profile`);
  });

  it("is never exceeded, whatever is typed", async () => {
    const path = fc.constantFrom("/srv/other", "/srv/data/x", "/srv/secret", "~/.ssh", "/", "~", "/home/me/work/a");
    const word = fc.array(path, { maxLength: 2 });
    const typed = fc.record({
      permissions: fc.constantFrom(null, ":isolated", ":workspace", ":read-only", ":danger-full-access", "most"),
      read: word,
      write: word,
      network: fc.constantFrom(null, "off" as const, "restricted" as const, "full" as const),
      allowDomain: fc.subarray(["evil.test", "api.example.com", "**.test.example"]),
      environment: fc.subarray(["CI", "TOKEN"]),
      overrides: fc.subarray([
        "permissions.most.filesystem={':root'='write'}",
        "permissions.most.protect.git='off'",
        "default_permissions='most'",
      ]),
    });
    const world = stage({ user });
    const queries: readonly Query[] = [
      ...["/srv/other/x", "/srv/secret/x", "/home/me/.ssh/id", "/etc/fstab", "/home/me/x", "/home/me/work/x"].flatMap(
        (at): readonly Query[] => [
          { op: "read", path: at },
          { op: "write", path: at },
        ],
      ),
      { op: "connect", host: "evil.test", port: 443 },
      { op: "connect", host: "api.example.com", port: 443 },
      { op: "env", name: "TOKEN" },
    ];
    await fc.assert(
      fc.asyncProperty(typed, async (flags) => {
        const { policy } = await world.load(flags);
        const layers = policy.layers.filter(({ layer }) => layer === "ceiling");
        const [whole, most] = [policy, { layers }].map((one) => compile(resolve(one, places)));
        for (const query of queries) {
          const got = whole?.decide(query);
          const isHosts = got?.effect === "allow" && (got.where !== "private" || query.op === "env");
          if (isHosts) expect([flags, query, most?.decide(query).effect]).toEqual([flags, query, "allow"]);
        }
      }),
      { numRuns: 150 },
    );
  });
});
