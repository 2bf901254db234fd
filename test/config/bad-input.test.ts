import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ConfigFlags } from "../../src/config/index.ts";
import { put, refusal, stage } from "./stage.ts";

describe("a configuration file that is wrong", () => {
  it.each<[name: string, text: string, code: string, at: string, says: readonly string[]]>([
    ["broken TOML", '\ndefault_permissions = "x', "config_parse", "2:23", ["unfinished"]],
    ["a key twice", 'audit = "default"\n  audit = "required"', "config_parse", "2:3", ["audit is defined twice"]],
    ["a table twice", "[permissions.a]\n[permissions.a]", "config_parse", "2:2", ["permissions.a is defined twice"]],
    ["a byte order mark", '\u{feff}audit = "default"', "config_parse", "1:1", ["byte order mark"]],
    ["__proto__", "[permissions.a]\n__proto__ = 1", "config_parse", "2:1", ["not allowed"]],
    ["constructor", "constructor.prototype.x = 1", "config_parse", "1:1", ["not allowed"]],
    [
      "an unknown key",
      "\ndefault_permission = ':isolated'",
      "config_schema",
      "2:1",
      ['did you mean "default_permissions"?'],
    ],
    [
      "an unknown key in a profile",
      "[permissions.ci]\n netwrk = {}",
      "config_schema",
      "2:2",
      ["unknown key netwrk", '"network"'],
    ],
    ["an unknown key in a table", "permissions.ci.limits.memry = 1", "config_schema", "1:23", ['"memory"']],
    [
      "an unknown key in a rule",
      "[permissions.ci.network.domains]\n'a.com' = { acess = 'allow' }",
      "config_schema",
      "2:1",
      ["access"],
    ],
    ["an unknown feature", "features.use_legacy_landlok = true", "config_schema", "1:10", ['"use_legacy_landlock"']],
    [
      "an unknown access",
      "[permissions.ci.filesystem]\n'/data' = 'reed'",
      "config_schema",
      "2:1",
      ['"reed"', 'mean "read"?'],
    ],
    [
      "an unknown access, nested",
      "[permissions.ci.filesystem]\n':workspace_roots' = { '.' = 'wrte' }",
      "config_schema",
      "2:24",
      ['"write"'],
    ],
    ["a value of another kind", "[permissions.ci]\nextends = 5", "config_schema", "2:1", ["must be a string, not 5"]],
    ["a date for a table", "permissions = 2026-01-01", "config_schema", "1:1", ["permissions"]],
    ["a date for a table of options", "permissions.a.limits = 2026-01-01", "config_schema", "1:15", ["limits"]],
    ["an array for a table", "[permissions]\nci = []", "config_schema", "2:1", ["must be a table, not an array"]],
    ["infinity", "permissions.ci.limits.processes = inf", "config_schema", "1:23", ["processes"]],
    ["a wrong mode", "sandbox_mode = 'workspace-wite'", "config_schema", "1:1", ['"workspace-write"']],
    [
      "both forms",
      "default_permissions = 'a'\n\nsandbox_mode = 'read-only'",
      "config_schema",
      "3:1",
      ["default_permissions (line 1)"],
    ],
    [
      "both forms, as tables",
      "[permissions.a]\n[sandbox_workspace_write]",
      "config_schema",
      "2:2",
      ["permissions (line 1)"],
    ],
    [
      "an unknown place",
      "[permissions.ci.filesystem]\n':worspace_roots' = 'read'",
      "policy_invalid",
      "2",
      ['":workspace_roots"'],
    ],
    ["a relative path", "[permissions.ci.filesystem]\n'data' = 'read'", "policy_invalid", "2", ["data", "absolute"]],
    ["NUL in a path", '[permissions.ci.filesystem]\n"/a\\u0000b" = "read"', "policy_invalid", "2", []],
    [
      "a pattern that grants",
      "[permissions.ci.filesystem]\n'/data/*.csv' = 'read'",
      "policy_invalid",
      "2",
      ["only deny"],
    ],
    [
      "a duration that is none",
      "[permissions.ci.limits]\nwall_time = '5 parsecs'",
      "policy_invalid",
      "2",
      ["duration"],
    ],
    ["an unknown default profile", "default_permissions = ':isolatd'", "policy_invalid", "1:1", ['mean ":isolated"?']],
    ["an unknown base", "[permissions.ci]\nextends = ':worksace'", "policy_invalid", "2", ['":workspace"']],
    [
      "a circle nobody uses",
      "[permissions.a]\nextends='b'\n[permissions.b]\nextends='a'",
      "policy_invalid",
      "",
      ["circle", "a -> b -> a"],
    ],
    ["a built-in name", "[permissions.':isolated']\nextends = ':workspace'", "policy_invalid", "1", [":isolated"]],
  ])("%s", async (_, text, code, at, says) => {
    for (const layer of ["system", "user", "file"] as const) {
      const machine = stage({ [layer]: text });
      const error = await refusal(() => machine.load());
      expect(error.code).toBe(code);
      expect(error.message).toContain(`${machine.paths[layer]}:${at}`);
      expect(error.message.split("\n")).toHaveLength(1);
      for (const words of says) expect(`${error.message} ${error.hint}`).toContain(words);
    }
  });

  it("the same files, put right, are taken", async () => {
    const text = [
      "default_permissions = 'ci'",
      "features.use_legacy_landlock = true",
      "[permissions.ci]",
      "extends = ':workspace'",
      "limits = { wall_time = '5m', processes = 3 }",
      "network.domains.'a.com' = { access = 'allow' }",
      "[permissions.ci.filesystem]",
      "'/data' = 'read'",
      "'/data/*.csv' = 'deny'",
      "':workspace_roots' = { '.' = 'write' }",
    ].join("\n");
    for (const layer of ["system", "user", "file"] as const) {
      expect((await stage({ [layer]: text }).load()).profile.name).toBe("ci");
    }
  });

  it("nothing that is quoted from it reaches the terminal raw", async () => {
    const error = await refusal(() => stage({ user: '"\\u001b[2Jclear\\n" = 1' }).load());
    expect(error.message).not.toMatch(/[\p{Cc}]/u);
    expect(error.message).toContain("\\x1b[2Jclear".replace("\\x1b", "\\u001b"));
  });
});

describe("what a project may not set", () => {
  it.each([
    ["audit", "audit = 'default'"],
    ["features", "\nfeatures.use_legacy_landlock = true"],
    ["sandbox_mode", "sandbox_mode = 'read-only'"],
    ["sandbox_workspace_write", "[sandbox_workspace_write]"],
  ])("%s", async (key, text) => {
    const machine = stage({ project: text });
    const error = await refusal(() => machine.load());
    expect(error.code).toBe("config_schema");
    expect(error.message).toMatch(
      new RegExp(`^${machine.paths.project}:\\d+:\\d+: a project cannot set ${key}( until you trust it)?$`),
    );
    expect(error.hint).toContain(machine.paths.user);
    await stage({ user: text }).load();
  });

  it("a key nobody knows is named as such", async () => {
    const error = await refusal(() => stage({ project: "permission = 1" }).load());
    expect(error.message).toContain('did you mean "permissions"?');
  });
});

describe("a file that cannot be trusted", () => {
  const text = 'default_permissions = ":read-only"';

  it.each([
    ["writable by the group", 0o664],
    ["writable by everybody", 0o646],
  ])("%s", async (_, mode) => {
    const machine = stage();
    put(machine.paths.user, text, mode);
    const error = await refusal(() => machine.load());
    expect([error.code, error.hint]).toEqual(["config_permissions", `chmod go-w ${machine.paths.user}`]);
    chmodSync(machine.paths.user, 0o644);
    expect((await machine.load()).profile.name).toBe(":read-only");
  });

  it.runIf(process.geteuid?.() === 0)("belonging to somebody else", async () => {
    const machine = stage({ user: text });
    chownSync(machine.paths.user, 65534, 65534);
    expect((await refusal(() => machine.load())).message).toContain("belongs to user 65534");
    chownSync(machine.paths.user, 0, 0);
    expect((await machine.load()).profile.name).toBe(":read-only");
  });

  it.skipIf(process.geteuid?.() === 0)("unreadable", async () => {
    const machine = stage({ user: text });
    chmodSync(machine.paths.user, 0o000);
    expect((await refusal(() => machine.load())).code).toBe("config_permissions");
  });

  it("a directory, or a FIFO, which must not hang", async () => {
    const machine = stage();
    mkdirSync(machine.paths.user, { recursive: true });
    expect((await refusal(() => machine.load())).message).toContain("not a regular file");
    mkdirSync(dirname(machine.paths.project), { recursive: true });
    execFileSync("mkfifo", [machine.paths.project]);
    const other = stage();
    execFileSync("mkfifo", [join(other.root, "pipe")]);
    expect((await refusal(() => other.load({ file: join(other.root, "pipe") }))).message).toContain(
      "not a regular file",
    );
  });

  it("larger than a configuration can be", async () => {
    const machine = stage();
    put(machine.paths.user, `# ${"x".repeat(1024 * 1024)}`);
    expect((await refusal(() => machine.load())).message).toContain("larger than 1 MiB");
  });

  it("not UTF-8", async () => {
    const machine = stage();
    put(machine.paths.user, Buffer.from([0x23, 0xff, 0x0a]));
    expect((await refusal(() => machine.load())).message).toContain("not valid UTF-8");
  });

  it("a project's symbolic link, so that no other file is quoted; the user's own may be one", async () => {
    const machine = stage();
    const secret = join(machine.root, "secret");
    writeFileSync(secret, "password=1");
    mkdirSync(dirname(machine.paths.project), { recursive: true });
    symlinkSync(secret, machine.paths.project);
    const error = await refusal(() => machine.load());
    expect(error.code).toBe("config_permissions");
    expect(`${error.message} ${error.hint}`).not.toContain("password");
    const other = stage();
    put(join(other.root, "real.toml"), text);
    mkdirSync(dirname(other.paths.user), { recursive: true });
    symlinkSync(join(other.root, "real.toml"), other.paths.user);
    expect((await other.load()).profile.name).toBe(":read-only");
  });

  it("the user's file reached as a project's is read once, with the user's authority", async () => {
    const machine = stage({ project: 'audit = "required"' });
    const config = await machine.load({}, { SANDBOXED_HOME: dirname(machine.paths.project) });
    expect(config.sources.map(({ layer }) => layer)).toEqual(["user"]);
  });
});

describe("options that are wrong", () => {
  it.each<[Partial<ConfigFlags>, readonly string[]]>([
    [{ permissions: ":isolatd" }, ['there is no profile ":isolatd"', '":isolated"']],
    [{ permissions: "" }, ["there is no profile"]],
    [{ file: "absent.toml" }, ["there is no file absent.toml"]],
    [{ read: [""] }, ["--read", "path is missing"]],
    [{ read: ["a\0b"] }, ["--read a\\x00b", "NUL"]],
    [{ write: [":minimal"] }, ["--write :minimal", "cannot be written"]],
    [{ read: [":tmpdr"] }, ['":tmpdir"']],
    [{ timeout: "soon" }, ["--timeout soon", "duration"]],
    [{ timeout: "-5" }, ["--timeout -5"]],
    [{ memory: "much" }, ["--memory much", "size"]],
    [{ processes: "0" }, ["--processes 0", "above 0"]],
    [{ processes: "many" }, ["--processes many"]],
    [{ processes: "1.5" }, ["--processes 1.5"]],
    [{ allow: ["npm,pipy"] }, ["--allow pipy", '"pypi"']],
    [{ allowDomain: ["https://a.example"] }, ["--allow-domain https://a.example", "not a host pattern"]],
    [{ allowDomain: ["*"] }, ["--allow-domain *", "covers every host"]],
    [{ allowDomain: ["localhost:8080"] }, ["--allow-domain localhost:8080", "--host-port 8080"]],
    [{ denyDomain: ["*"] }, ["--deny-domain *"]],
    [{ hostPort: ["0"] }, ["--host-port 0", "65535"]],
    [{ hostPort: ["65536"] }, ["--host-port 65536", "65535"]],
    [{ hostPort: ["http"] }, ["--host-port http", "65535"]],
    [{ allowUnixSocket: ["/run/*"] }, ["--allow-unix-socket /run/*", "pattern"]],
    [{ allowUnixSocket: ["/run/docker.sock"] }, ["--allow-unix-socket /run/docker.sock", "dangerous"]],
    [{ environment: ["=x"] }, ["--env"]],
    [{ environment: [""] }, ["--env"]],
    [{ environment: ["A\0=x"] }, ["--env A\\x00"]],
    [{ features: [{ name: "use_legacy_landlok", on: true }] }, ["--enable", '"use_legacy_landlock"']],
    [{ features: [{ name: "toString", on: false }] }, ["--disable", "no such feature"]],
    [{ overrides: ["audit"] }, ["-c audit", "KEY=VALUE"]],
    [{ overrides: ["=1"] }, ["KEY=VALUE"]],
    [{ overrides: ["a..b=1"] }, ["KEY=VALUE"]],
    [{ overrides: ["audit=[1"] }, ["not valid TOML"]],
    [{ overrides: ["audit='required'\nfeatures={}"] }, ["more than one key"]],
    [{ overrides: ["audit\n.x=1"] }, ["-c"]],
    [{ overrides: ["__proto__.polluted=1"] }, ["-c __proto__"]],
    [{ overrides: ["adit=required"] }, ["-c: unknown key adit", '"audit"']],
    [{ overrides: ["permissions.ci.filesystem={'data'='read'}"] }, ["-c: ", "absolute"]],
    [{ overrides: ["default_permissions=:isolatd"] }, ["-c: ", '":isolated"']],
    [{ overrides: ["audit=required", "audit.x=1"] }, ["earlier -c"]],
  ])("%j", async (flags, says) => {
    const error = await refusal(() => stage().load(flags));
    for (const words of says) expect(`${error.message} ${error.hint}`).toContain(words);
    expect(error.message).not.toMatch(/\p{Cc}/u);
  });

  it("a value given with --env stays out of the message", async () => {
    const error = await refusal(() => stage().load({ environment: ["A B\n=hunter2"] }));
    expect(`${error.message} ${error.hint}`).not.toContain("hunter2");
  });

  it("SANDBOXED_HOME has to be absolute", async () => {
    expect((await refusal(() => stage().load({}, { SANDBOXED_HOME: "here" }))).message).toContain(
      "SANDBOXED_HOME=here",
    );
  });
});
