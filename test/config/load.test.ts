import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/index.ts";
import { put, stage } from "./stage.ts";

/** What the user's profile says of a path, with where that was said. */
function entry(config: Config, text: string, layer = 0): { access: string; at: string } | null {
  const found = config.policy.layers[layer]?.profile.filesystem.entries.find((one) => one.text.startsWith(text));
  if (found === undefined) return null;
  const { file, line, column } = found.provenance;
  return { access: found.access, at: `${file ?? found.provenance.layer}:${line}:${column}` };
}

const ci = (access: string): string =>
  `[permissions.ci]\nextends = ":isolated"\n[permissions.ci.filesystem]\n"/data" = "${access}"\n`;

function choosing(name: string): string {
  return `default_permissions = "${name}"\n[permissions.${name}]\nextends = ":read-only"\n`;
}

function layers(config: Config): readonly (readonly [string, string])[] {
  return config.policy.layers.map(({ layer, profile }) => [layer, profile.name]);
}

describe("layers of the user's authority", () => {
  it("start from :isolated when nobody says anything", async () => {
    const config = await stage().load();
    expect(config.profile.name).toBe(":isolated");
    expect(config.chosenBy.layer).toBe("builtin");
    expect(config.policy.layers).toHaveLength(1);
  });

  it.each([
    ["the system's file alone", ["system"], "system"],
    ["the user's over the system's", ["system", "user"], "user"],
    ["--config over the user's", ["system", "user", "file"], "file"],
  ] as const)("the highest that says something holds: %s", async (_, given, winner) => {
    const config = await stage(Object.fromEntries(given.map((layer) => [layer, choosing(layer)]))).load();
    expect(config.profile.name).toBe(winner);
    expect(config.chosenBy.layer).toBe(winner);
    const overridden = await stage(Object.fromEntries(given.map((layer) => [layer, choosing(layer)]))).load({
      overrides: ["default_permissions=:workspace"],
    });
    expect(overridden.profile.name).toBe(":workspace");
    expect(overridden.chosenBy.layer).toBe("override");
  });

  it("joins tables of one name key by key, and every value knows its line", async () => {
    const machine = stage({
      system: `default_permissions = "ci"\n${ci("read")}"/srv" = "read"\n`,
      user: `[permissions.ci.filesystem]\n\n   "/data" = "write"\n`,
    });
    const config = await machine.load();
    expect(entry(config, '"/data"')).toEqual({ access: "write", at: `${machine.paths.user}:3:4` });
    expect(entry(config, '"/srv"')).toEqual({ access: "read", at: `${machine.paths.system}:6:1` });
    const { file, line, column, owner } = config.chosenBy;
    expect([file, line, column, owner]).toEqual([machine.paths.system, 1, 1, "the administrator"]);
  });

  it("copies of a provenance and its JSON hold the line", async () => {
    const config = await stage({ user: 'default_permissions = ":workspace"' }).load();
    expect(JSON.parse(JSON.stringify(config.chosenBy))).toMatchObject({
      layer: "user",
      line: 1,
      column: 1,
      owner: "you",
    });
    expect({ ...config.chosenBy }.line).toBe(1);
  });

  it.each([
    ["a bare word", 'permissions.ci.filesystem."/data"=write', "write"],
    ["a TOML string", "permissions.ci.filesystem.'/data' = \"deny\"", "deny"],
    ["an inline table", 'permissions.ci.filesystem={ "/data" = "none" }', "deny"],
  ])("-c takes %s", async (_, override, access) => {
    const config = await stage({ user: ci("read") }).load({ permissions: "ci", overrides: [override] });
    expect(entry(config, '"/data"')).toEqual({ access, at: "override:null:null" });
  });

  it("lets a later -c win, and joins those that go into one table", async () => {
    const config = await stage({ user: ci("read") }).load({
      permissions: "ci",
      overrides: [
        "permissions.ci.limits.processes=5",
        "permissions.ci.limits={processes=6, open_files=7}",
        "permissions.ci.limits.processes=8",
      ],
    });
    expect(config.profile.limits).toMatchObject({ processes: 8, openFiles: 7 });
  });

  it("puts options over everything", async () => {
    const machine = stage({
      user: `default_permissions = "ci"\n${ci("read")}[permissions.ci.limits]\nprocesses = 9\n`,
    });
    const config = await machine.load({
      read: ["docs", "~/notes", "/opt/x y"],
      write: ["."],
      deny: ["/data", "**/.env", "secret*"],
      network: "off",
      environment: ["CI", "LEVEL=2=3"],
      timeout: "90s",
      memory: "2GiB",
      processes: "12",
    });
    const work = join(machine.root, "home/work");
    const own = config.profile.filesystem.entries.filter(({ provenance }) => provenance.layer === "flag");
    expect(own.map(({ text, access }) => [text, access])).toEqual([
      ["--read docs", "read"],
      ["--read ~/notes", "read"],
      ["--read /opt/x y", "read"],
      ["--write .", "write"],
      ["--deny /data", "deny"],
      ["--deny **/.env", "deny"],
      ["--deny secret*", "deny"],
    ]);
    expect(own.map(({ target }) => target)).toEqual([
      { kind: "path", path: join(work, "docs") },
      { kind: "home", subpath: "notes" },
      { kind: "path", path: "/opt/x y" },
      { kind: "path", path: work },
      { kind: "path", path: "/data" },
      { kind: "glob", pattern: "/**/.env", base: null },
      { kind: "glob", pattern: join(work, "secret*"), base: null },
    ]);
    expect(config.profile.name).toBe("ci");
    expect(config.profile.network.mode).toBe("off");
    expect(config.profile.network.modeProvenance.layer).toBe("flag");
    expect(config.profile.environment.include).toContain("CI");
    expect(config.profile.environment.set.get("LEVEL")).toBe("2=3");
    expect(config.profile.limits).toMatchObject({ wallTime: 90_000, memory: 2 * 1024 ** 3, processes: 12 });
  });

  it.each([
    ["SANDBOXED_HOME", { SANDBOXED_HOME: "moved" }, "moved/config.toml"],
    ["XDG_CONFIG_HOME", { XDG_CONFIG_HOME: "xdg" }, "xdg/sandboxed/config.toml"],
    ["SANDBOXED_HOME first", { SANDBOXED_HOME: "moved", XDG_CONFIG_HOME: "xdg" }, "moved/config.toml"],
  ])("finds the user's file through %s", async (_, variables, path) => {
    const machine = stage({ user: 'default_permissions = ":read-only"' });
    const absolute = Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, join(machine.root, value)]),
    );
    expect((await machine.load({}, absolute)).profile.name).toBe(":isolated");
    put(join(machine.root, path), 'default_permissions = ":workspace"');
    expect((await machine.load({}, absolute)).profile.name).toBe(":workspace");
  });

  it("switches features by file, then by options in their order", async () => {
    const machine = stage({ user: "features.use_legacy_landlock = true" });
    const name = "use_legacy_landlock";
    expect((await machine.load()).features.use_legacy_landlock).toBe(true);
    expect((await machine.load({ features: [{ name, on: false }] })).features.use_legacy_landlock).toBe(false);
    const both = [
      { name, on: false },
      { name, on: true },
    ];
    expect((await machine.load({ features: both })).features.use_legacy_landlock).toBe(true);
  });

  it("keeps audit required, whoever of them says so", async () => {
    const machine = stage({ system: 'audit = "required"', user: 'audit = "default"' });
    expect((await machine.load()).audit).toBe("required");
    expect((await stage({ user: 'audit = "default"' }).load()).audit).toBe("default");
  });
});

describe("the older form", () => {
  it.each([
    ["read-only", "off", "read-only"],
    ["workspace-write", "off", "workspace-write"],
    ["danger-full-access", "full", "danger-full-access"],
  ])("sandbox_mode = %s", async (mode, network, name) => {
    const config = await stage({ user: `sandbox_mode = "${mode}"` }).load();
    expect(config.profile.name).toBe(name);
    expect(config.profile.network.mode).toBe(network);
    expect(config.profile.filesystem.kind).toBe(mode === "danger-full-access" ? "unrestricted" : "restricted");
  });

  it("takes its settings key by key from the highest layer, and knows the line of each", async () => {
    const machine = stage({
      system:
        'sandbox_mode = "workspace-write"\n[sandbox_workspace_write]\nnetwork_access = true\nwritable_roots = ["/a"]\n',
      user: '[sandbox_workspace_write]\nwritable_roots = ["/b"]\n',
    });
    const config = await machine.load();
    expect(config.profile.network.mode).toBe("full");
    expect(entry(config, '"/a"')).toBeNull();
    expect(entry(config, '"/b"')).toEqual({ access: "write", at: `${machine.paths.user}:2:1` });
  });

  it("gives way to the newer form in a higher layer", async () => {
    const files = { system: 'sandbox_mode = "danger-full-access"', user: 'default_permissions = ":read-only"' };
    expect((await stage(files).load()).profile.name).toBe(":read-only");
    expect((await stage({ system: files.user, user: files.system }).load()).profile.name).toBe("danger-full-access");
  });

  it("warns when its table has no effect", async () => {
    const machine = stage({ user: "\n[sandbox_workspace_write]\nnetwork_access = true" });
    const config = await machine.load();
    expect(config.profile.name).toBe(":isolated");
    expect(config.warnings).toEqual([
      `${machine.paths.user}:2:2: sandbox_workspace_write has no effect: sandbox_mode is not workspace-write`,
    ]);
  });
});

describe("the project", () => {
  it("is a layer of its own beside the user's", async () => {
    const machine = stage({ project: `default_permissions = "ci"\n${ci("write")}` });
    const config = await machine.load();
    expect(layers(config)).toEqual([
      ["builtin", ":isolated"],
      ["project", "ci"],
    ]);
    expect(entry(config, '"/data"', 0)).toBeNull();
    expect(entry(config, '"/data"', 1)).toEqual({ access: "write", at: `${machine.paths.project}:5:1` });
    expect(
      config.policy.layers[1]?.profile.filesystem.entries.find(({ text }) => text.startsWith('"/data"'))?.provenance
        .owner,
    ).toBe("the project");
  });

  it("cannot choose for the user: what it calls default is one layer more", async () => {
    const config = await stage({ project: 'default_permissions = ":danger-full-access"' }).load();
    expect(layers(config)).toEqual([
      ["builtin", ":isolated"],
      ["project", ":danger-full-access"],
    ]);
  });

  it("stays in force whatever profile the user names", async () => {
    const config = await stage({ project: 'default_permissions = ":read-only"' }).load({ permissions: ":workspace" });
    expect(layers(config)).toEqual([
      ["flag", ":workspace"],
      ["project", ":read-only"],
    ]);
  });

  it("narrows from the user's default when --permissions names a profile only it defines", async () => {
    const config = await stage({ user: 'default_permissions = ":workspace"', project: ci("read") }).load({
      permissions: "ci",
    });
    expect(layers(config)).toEqual([
      ["user", ":workspace"],
      ["project", "ci"],
    ]);
  });

  it("is told of where it narrows a profile that was named, and nowhere else", async () => {
    const files = {
      user: `default_permissions = ":workspace"\n${ci("read").replaceAll("ci", "mine")}`,
      project: ci("read"),
    };
    const { load, paths } = stage(files);
    const warned = async (permissions: string | null): Promise<string> =>
      (await load({ permissions })).warnings.join().replaceAll(paths.project, "FILE");
    expect(await warned("ci")).toMatch(/^FILE:1: ci is the project's alone, so it only narrows :workspace; sandboxed/);
    expect([await warned("mine"), await warned(":workspace"), await warned(null)]).toEqual(["", "", ""]);
    const chosen = stage({ ...files, project: `default_permissions = "ci"\n${ci("read")}` });
    const [said] = (await chosen.load({ permissions: "mine" })).warnings;
    expect(said).toBe(`${chosen.paths.project}:2: the project narrows mine to what its profile ci allows as well`);
    expect((await chosen.load({})).warnings).toEqual([]);
  });

  it("narrows the user's profile of the same name by what its own table says, and by nothing else", async () => {
    const config = await stage({
      user: `default_permissions = "ci"\n${ci("read")}`,
      project: '[permissions.ci.filesystem]\n"/data" = "write"\n"/srv" = "deny"\n',
    }).load();
    expect(entry(config, '"/data"', 0)?.access).toBe("read");
    expect(entry(config, '"/data"', 1)?.access).toBe("write");
    expect(entry(config, '"/srv"', 1)?.access).toBe("deny");
    const [, theirs] = config.policy.layers;
    expect(theirs?.profile.filesystem.entries.some(({ origin }) => origin === "credential")).toBe(false);
    expect(theirs?.profile.network.mode).toBe("full");
    expect(theirs?.chosenBy?.layer).toBe("project");
  });

  it("takes no part when it chooses nothing", async () => {
    expect((await stage({ project: ci("read") }).load()).policy.layers).toHaveLength(1);
  });

  it("does not get the user's options", async () => {
    const config = await stage({ project: 'default_permissions = ":read-only"' }).load({
      write: ["/srv"],
      network: "full",
    });
    const [own, project] = config.policy.layers;
    expect(own?.profile.network.mode).toBe("full");
    expect(project?.profile.network.mode).toBe("off");
    expect(project?.profile.filesystem.entries.some(({ provenance }) => provenance.layer === "flag")).toBe(false);
  });
});
