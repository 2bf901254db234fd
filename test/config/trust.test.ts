import { chmodSync, existsSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { revokeTrust, trustedProjects, trustProject } from "../../src/config/index.ts";
import { configSchema } from "../../src/config/schema.ts";
import { projectKeys } from "../../src/config/project-keys.ts";
import { put, refusal, stage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const wide = `default_permissions = "wide"\n[permissions.wide]\nextends = ":workspace"\n[permissions.wide.filesystem]\n"/srv" = "write"\n`;

const workspaceOf = ({ root }: Stage): string => join(root, "home/work");
const environmentOf = ({ root }: Stage): ReadonlyMap<string, string> => new Map([["HOME", join(root, "home")]]);
const trust = (world: Stage) => trustProject(workspaceOf(world), environmentOf(world), new Date(0));
const load = (world: Stage, flags = {}) => world.load(flags, Object.fromEntries(environmentOf(world)));

/** Whether the project's grant came into the profile that the user has. */
async function isWide(world: Stage): Promise<boolean> {
  const { profile } = await load(world);
  return profile.filesystem.entries.some(({ text }) => text === '"/srv" = "write"');
}

describe("a project's configuration", () => {
  it("grants nothing until it is trusted, then counts like the user's, and no longer when that is taken back", async () => {
    const world = stage({ project: wide });
    expect([await isWide(world), (await load(world)).trust]).toEqual([false, "untrusted"]);
    const { files } = await trust(world);
    expect(files).toEqual(["config.toml"]);
    expect([await isWide(world), (await load(world)).trust]).toEqual([true, "trusted"]);
    expect(await revokeTrust(workspaceOf(world), environmentOf(world))).toBe(true);
    expect(await revokeTrust(workspaceOf(world), environmentOf(world))).toBe(false);
    expect(await isWide(world)).toBe(false);
  });

  const changes: readonly (readonly [string, (world: Stage) => void])[] = [
    ["its file says something else", ({ paths }) => writeFileSync(paths.project, `${wide}# more\n`)],
    ["a file came beside it", ({ paths }) => put(join(paths.project, "../rules/git.rules"), "x")],
    ["a script of it changed", ({ paths }) => put(join(paths.project, "../hooks/check.sh"), "echo other")],
    ["a script of it went", ({ paths }) => rmSync(join(paths.project, "../hooks/check.sh"))],
    [
      "a script of it has another name",
      ({ paths }) => {
        rmSync(join(paths.project, "../hooks/check.sh"));
        put(join(paths.project, "../hooks/checks.sh"), "echo fine");
      },
    ],
  ];
  it.each(changes)("is not trusted any more when %s, and says so", async (_, change) => {
    const world = stage({ project: wide });
    put(join(world.paths.project, "../hooks/check.sh"), "echo fine");
    await trust(world);
    expect(await isWide(world)).toBe(true);
    change(world);
    const { trust: state, warnings } = await load(world);
    expect(state).toBe("changed");
    expect(warnings.join()).toContain("has changed since you trusted it");
    expect(await isWide(world)).toBe(false);
    await trust(world);
    expect(await isWide(world)).toBe(true);
  });

  it("cannot be trusted through a symlink that leads out of it", async () => {
    const world = stage({ project: wide });
    symlinkSync("/etc/hostname", join(world.paths.project, "../rules"));
    expect((await refusal(() => trust(world))).code).toBe("config_permissions");
    rmSync(join(world.paths.project, "../rules"));
    expect((await trust(world)).files).toEqual(["config.toml"]);
  });

  it("is trusted at its place only: a copy elsewhere is another project", async () => {
    const world = stage({ project: wide });
    await trust(world);
    const other = stage({ project: wide });
    const { trust: state } = await other.load({}, Object.fromEntries(environmentOf(world)));
    expect(state).toBe("untrusted");
  });

  it("says which lines are the project's once it is trusted", async () => {
    const world = stage({ project: wide });
    await trust(world);
    const { chosenBy } = await load(world);
    expect(chosenBy).toMatchObject({
      layer: "trusted",
      file: world.paths.project,
      line: 1,
      owner: "the project, which you trust",
    });
  });

  it("yields to what is typed", async () => {
    const world = stage({ project: wide });
    await trust(world);
    expect((await load(world, { permissions: ":read-only" })).profile.name).toBe(":read-only");
    expect((await load(world, { overrides: ["default_permissions=:isolated"] })).profile.name).toBe(":isolated");
  });

  const never = [
    ["audit", 'audit = "required"'],
    ["ceiling", 'ceiling = ":danger-full-access"'],
    ["engine", "[features]\nuse_legacy_landlock = true"],
    [
      "credentials",
      '[permissions.p.network.credentials.T]\nhost = "a.example.com"\nheader = "A"\nfrom = "env:GITHUB_TOKEN"',
    ],
  ] as const;
  it.each(never)("never sets %s, trusted or not", async (_, text) => {
    const world = stage({ project: text });
    expect((await refusal(() => load(world))).message).toContain(world.paths.project);
    await trust(world);
    const { code, message } = await refusal(() => load(world));
    expect(["config_schema", "policy_invalid"]).toContain(code);
    expect(message).toContain(world.paths.project);
  });

  it.each([
    ["by choosing it", 'default_permissions = ":danger-full-access"\n'],
    ["by a profile", 'default_permissions = "p"\n[permissions.p]\nextends = ":danger-full-access"\n'],
    ["by another base for the user's", '[permissions.mine]\nextends = ":danger-full-access"\n'],
  ])("never takes the sandbox away, %s", async (_, project) => {
    const user = 'default_permissions = "mine"\n[permissions.mine]\nextends = ":isolated"\n';
    const world = stage({ user, project });
    expect((await load(world)).profile.filesystem.kind).toBe("restricted");
    await trust(world);
    expect((await refusal(() => load(world))).message).toContain("cannot take the sandbox away");
    expect((await load(world, { permissions: ":danger-full-access" })).profile.filesystem.kind).toBe("unrestricted");
  });

  it("never says where an MCP server's secrets come from, nor where those of the user's go", async () => {
    const user = '[mcp_servers.docs]\nurl = "https://docs.example.com/"\nbearer_token_env_var = "TOKEN"\n';
    const own = '[mcp_servers.other]\nurl = "https://other.example.com/"\n';
    for (const project of [
      `${own}bearer_token_env_var = "TOKEN"\n`,
      `${own}env_http_headers = { A = "TOKEN" }\n`,
      '[mcp_servers.docs]\nurl = "https://elsewhere.example.com/"\n',
    ]) {
      const world = stage({ user, project });
      await trust(world);
      expect((await refusal(() => load(world))).code).toBe("config_schema");
    }
    const world = stage({ user, project: own });
    expect((await refusal(() => load(world))).hint).toContain("sandboxed trust");
    await trust(world);
    expect([...(await load(world)).mcpServers.keys()]).toEqual(["docs", "other"]);
  });

  it("may use the older keys once it is trusted", async () => {
    const world = stage({ project: 'sandbox_mode = "workspace-write"\n' });
    expect((await refusal(() => load(world))).hint).toContain("sandboxed trust");
    await trust(world);
    expect((await load(world)).profile.name).toBe("workspace-write");
  });

  it("is asked about every key that there is", () => {
    expect([...projectKeys.keys()].toSorted()).toEqual(Object.keys(configSchema.shape).toSorted());
  });
});

describe("the record of trust", () => {
  it("is the user's alone, whole, and one file a project", async () => {
    const world = stage({ project: wide });
    const { path } = await trust(world);
    const folder = join(world.root, "home/.local/state/sandboxed/trust");
    const names = readdirSync(folder);
    expect(names).toHaveLength(1);
    expect(statSync(join(folder, names[0] ?? "")).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(trustedProjects(environmentOf(world))).toMatchObject([{ path, time: "1970-01-01T00:00:00.000Z" }]);
  });

  it.each([
    ["others can write", (file: string) => chmodSync(file, 0o666), "config_permissions"],
    ["is no record", (file: string) => writeFileSync(file, "{}"), "config_permissions"],
  ])("that %s is an error, not trust", async (_, spoil, code) => {
    const world = stage({ project: wide });
    await trust(world);
    const folder = join(world.root, "home/.local/state/sandboxed/trust");
    const file = join(folder, readdirSync(folder)[0] ?? "");
    expect(existsSync(file)).toBe(true);
    spoil(file);
    expect((await refusal(() => load(world))).code).toBe(code);
  });
});
