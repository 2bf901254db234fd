import { chmodSync, chownSync, existsSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RequiringMachine } from "../stage/required.ts";

let machine: RequiringMachine;

beforeAll(() => {
  machine = new RequiringMachine();
});

beforeEach(() => {
  machine.require(null);
  machine.configure(null);
});

afterAll(() => machine.remove());

const ran = "touch ran.txt && rm ran.txt && echo it ran";

describe("requirements that cannot be relied on: nothing runs", () => {
  const good = '[permissions.filesystem]\ndeny_read = ["/srv"]\n';
  const texts: readonly (readonly [what: string, text: string, code: string])[] = [
    ["name a key twice (C07)", `${good}deny_read = []\n`, "defined twice"],
    ["name a key twice, once with dots (C07)", `permissions.filesystem.deny_read = []\n${good}`, "requirements.toml:"],
    ["name a table twice (C07)", `${good}[permissions.filesystem]\ndeny_write = []\n`, "requirements.toml:"],
    ["hold __proto__ (C07, C09)", "[features.__proto__]\nweb = true\n", "requirements.toml:"],
    ["hold a constructor (C09)", "[constructor]\nprototype = 1\n", "requirements.toml:"],
    ["start with a byte order mark (C07)", `\u{feff}${good}`, "byte order mark"],
    ["have a key that nobody knows (C08)", '[permissions.filesystem]\ndenyread = ["/srv"]\n', "deny_read"],
    ["have a table that nobody knows (C08)", '[permission.filesystem]\ndeny_read = ["/srv"]\n', "permissions"],
    ["have a value of the wrong kind", '[permissions.filesystem]\ndeny_read = "/srv"\n', "requirements.toml:2"],
    ["allow nothing at all", "allowed_sandbox_modes = []\n", "requirements.toml:1"],
  ];
  it.each(texts)("that %s", (_, text, says) => {
    machine.require(text);
    const { status, stdout, stderr } = machine.stage.sh(ran);
    expect([status, stdout]).toEqual([125, ""]);
    expect(stderr).toContain(says);
    machine.require(good);
    expect(machine.stage.sh(ran).stdout).toBe("it ran\n");
  });

  const file = (): string => join(machine.folder, "requirements.toml");
  const spoilings: readonly (readonly [what: string, spoil: () => void])[] = [
    ["others can write (C16)", () => chmodSync(file(), 0o666)],
    ["belong to somebody else (C16)", () => chownSync(file(), 65534, 65534)],
    ["stand in a folder that others can write (C16)", () => chmodSync(machine.folder, 0o777)],
    ["stand in a folder of somebody else's (C16)", () => chownSync(machine.folder, 65534, 65534)],
    [
      "are a symlink (C16)",
      () => {
        renameSync(file(), `${file()}.moved`);
        symlinkSync(`requirements.toml.moved`, file());
      },
    ],
    [
      "cannot be read",
      () => {
        rmSync(file());
        symlinkSync("requirements.toml", file());
      },
    ],
  ];
  it.skipIf(process.getuid?.() !== 0).each(spoilings)("that %s", (_, spoil) => {
    machine.require(good);
    spoil();
    try {
      const { status, stdout } = machine.stage.sh(ran);
      expect([status, stdout]).toEqual([125, ""]);
      const api = machine.api(":isolated", {}, ran);
      expect([api.status, api.stdout]).toEqual([125, ""]);
    } finally {
      chownSync(machine.folder, 0, 0);
      chmodSync(machine.folder, 0o755);
    }
    machine.require(good);
    expect(machine.stage.sh(ran).stdout).toBe("it ran\n");
  });

  it("nor does a source of the user's that would widen", () => {
    for (const text of [
      '[network]\nallowed_domains = ["example.com"]\n',
      '[permissions.ci]\nextends = ":workspace"\n',
    ]) {
      const encoded = Buffer.from(text).toString("base64");
      machine.stage.write("given.toml", text);
      const byVariable = machine.stage.sh(ran, [], { environment: { SANDBOXED_REQUIREMENTS_BASE64: encoded } });
      const byOption = machine.stage.sh(ran, ["--requirements", "given.toml"]);
      for (const { status, stdout } of [byVariable, byOption]) expect([status, stdout]).toEqual([125, ""]);
      machine.require(text);
      expect(machine.stage.sh(ran).stdout).toBe("it ran\n");
      machine.require(null);
    }
  });
});

describe("what is typed cannot argue", () => {
  const secret = (): string => join(machine.stage.outside, "victim");

  it.each([
    [{ SANDBOXED: "1", SANDBOXED_SESSION_ID: "x", CODEX_SANDBOX: "sandboxed" }],
    [{ SANDBOXED_NETWORK: "full", container: "docker", IS_SANDBOX: "1" }],
  ])("that it is in a sandbox already (C03): %j", (environment) => {
    expect(machine.stage.sh(`cat ${secret()}`, [], { environment }).stdout).toBe("");
    expect(machine.stage.sh(`cat ${secret()}`, ["-r", secret()], { environment }).stdout).toBe("untouched\n");
  });

  const escapes: readonly (readonly [way: string, words: () => readonly string[]])[] = [
    ["another profile", () => ["-P", ":danger-full-access"]],
    ["one that reads all", () => ["-P", ":workspace"]],
    ["a grant", () => ["-r", secret()]],
    ["an override", () => ["-c", `permissions.p={extends=":isolated",filesystem={"${secret()}"="read"}}`, "-P", "p"]],
    ["no ceiling", () => ["-c", "ceiling=:danger-full-access", "-r", secret()]],
    ["a file", () => ["--config", "wide.toml"]],
  ];
  it.each(escapes)("after a refusal that it may have more than the ceiling, by %s (C31)", (_, words) => {
    machine.stage.write("wide.toml", `default_permissions = "p"\n[permissions.p]\nextends = ":workspace"\n`);
    machine.configure('ceiling = ":isolated"\n');
    const first = machine.stage.sh(`cat ${secret()}`, ["--json"]);
    expect(first.stdout).toBe("");
    expect(first.stderr).toContain('"retryable":false');
    const { stdout, status } = machine.stage.sh(`cat ${secret()}`, words());
    expect([stdout, status]).toEqual(["", 125]);
    if (words().some((word) => word.startsWith("ceiling"))) return;
    machine.configure(null);
    expect(machine.stage.sh(`cat ${secret()}`, words()).stdout).toBe("untouched\n");
  });

  it("nor by naming the whole system as its workspace", () => {
    const words = ["-c", 'permissions.p={extends=":isolated",workspace_roots=["/"]}', "-P", "p"];
    machine.configure('ceiling = ":isolated"\n');
    const { stdout, stderr, status } = machine.stage.sh(`cat ${secret()}`, words);
    expect([stdout, stderr, status]).toEqual(["", expect.stringContaining("cannot be named as a workspace"), 125]);
    expect(machine.stage.sh("echo fine", ["-P", ":isolated"]).stdout).toBe("fine\n");
  });

  it("nor can a program that uses the library", () => {
    machine.configure('ceiling = ":isolated"\n');
    const wide = { filesystem: { [secret()]: "read" } };
    const { stdout, stderr } = machine.api(":isolated", wide, `cat ${secret()}`);
    expect([stdout, stderr]).toEqual(["", expect.stringContaining("ceiling_exceeded")]);
    machine.configure(null);
    expect(machine.api(":isolated", wide, `cat ${secret()}`).stdout).toBe("untouched\n");
  });
});

describe("a checkout", () => {
  const wide = (): string =>
    `default_permissions = "p"\n[permissions.p]\nextends = ":isolated"\n[permissions.p.filesystem]\n"${machine.stage.outside}" = "write"\n`;
  const act = (): string => `cat ${machine.stage.outside}/victim`;
  const project = ".sandboxed/config.toml";
  const trusts = (): string => join(machine.stage.home, ".local/state/sandboxed/trust");

  it("moves no configuration by a .env file, and grants nothing until it is trusted", () => {
    const elsewhere = join(machine.stage.workspace, "elsewhere");
    machine.stage.write(join(elsewhere, "config.toml"), wide());
    machine.stage.write(".env", `SANDBOXED_HOME=${elsewhere}\n`);
    expect(machine.stage.sh(act()).stdout).toBe("");
    expect(machine.stage.sh(act(), [], { environment: { SANDBOXED_HOME: elsewhere } }).stdout).toBe("untouched\n");
    machine.stage.write(project, wide());
    expect(machine.stage.sh(act()).stdout).toBe("");
    expect(machine.stage.sandboxed(["trust"]).status).toBe(0);
    for (let time = 0; time < 2; time++) expect(machine.stage.sh(act()).stdout).toBe("untouched\n");
    machine.stage.write(".sandboxed/rules/new.rules", "anything");
    const { stdout, stderr } = machine.stage.sh(act());
    expect([stdout, stderr]).toEqual(["", expect.stringContaining("has changed since you trusted it")]);
    rmSync(join(machine.stage.workspace, ".sandboxed/rules"), { recursive: true });
    expect(machine.stage.sh(act()).stdout).toBe("untouched\n");
    expect(machine.stage.sandboxed(["trust", "--list"]).stdout).toContain(machine.stage.workspace);
    expect(machine.stage.sandboxed(["trust", "--revoke"]).status).toBe(0);
    expect(machine.stage.sh(act()).stdout).toBe("");
  });

  it("that is trusted cannot make itself another one, nor write what is trusted", () => {
    machine.stage.write(project, wide());
    expect(machine.stage.sandboxed(["trust"]).status).toBe(0);
    const [record = ""] = readdirSync(trusts());
    const before = machine.stage.read(join(trusts(), record));
    machine.stage.sh(`echo '# more' >> ${project}; rm -rf .sandboxed; mv .sandboxed other; touch .sandboxed/new`);
    const attack = `
      echo x > ${trusts()}/${record}; rm -rf ${trusts()}; mkdir -p ${machine.stage.home}/.config/sandboxed
      echo 'ceiling = ":danger-full-access"' > ${machine.stage.home}/.config/sandboxed/config.toml
      echo got there > ${machine.stage.home}/proof`;
    machine.stage.sh(attack, ["-w", machine.stage.home]);
    expect(machine.stage.read(join(machine.stage.home, "proof"))).toBe("got there\n");
    expect(machine.stage.read(project)).toBe(wide());
    expect(readdirSync(join(machine.stage.workspace, ".sandboxed"))).toEqual(["config.toml"]);
    expect(machine.stage.read(join(trusts(), record))).toBe(before);
    expect(existsSync(join(machine.stage.home, ".config/sandboxed/config.toml"))).toBe(false);
    // The same by the person's own hand, without a sandbox.
    machine.stage.plain("sh", ["-c", `echo '# more' >> ${project}`]);
    expect(machine.stage.read(project)).toBe(`${wide()}# more\n`);
    expect(machine.stage.sh(act()).stdout).toBe("");
    machine.stage.sandboxed(["trust", "--revoke"]);
    rmSync(join(machine.stage.workspace, ".sandboxed"), { recursive: true });
  });
});

describe("a launch that was decided before", () => {
  it("is decided afresh once requirements come, change or go, from wherever they come", () => {
    const { stage } = machine;
    const secret = join(stage.outside, "victim");
    const read = (words: readonly string[] = []): string => stage.sh(`cat ${secret}`, ["-r", secret, ...words]).stdout;
    const deny = `[permissions.filesystem]\ndeny_read = ["${secret}"]\n`;
    for (let time = 0; time < 3; time++) expect(read()).toBe("untouched\n");
    machine.require(deny);
    for (let time = 0; time < 2; time++) expect(read()).toBe("");
    machine.require("# nothing\n");
    for (let time = 0; time < 3; time++) expect(read()).toBe("untouched\n");
    writeFileSync(join(machine.folder, "requirements.toml"), deny);
    expect(read()).toBe("");
    machine.require(null);
    stage.write("given.toml", "# nothing\n");
    for (let time = 0; time < 3; time++) expect(read(["--requirements", "given.toml"])).toBe("untouched\n");
    stage.write("given.toml", deny);
    expect(read(["--requirements", "given.toml"])).toBe("");
    const environment = { SANDBOXED_REQUIREMENTS_BASE64: Buffer.from(deny).toString("base64") };
    expect(stage.sh(`cat ${secret}`, ["-r", secret], { environment }).stdout).toBe("");
    expect(read()).toBe("untouched\n");
  });
});
