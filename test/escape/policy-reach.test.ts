import { existsSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { RequiringMachine, startHost } from "../stage/required.ts";
import type { Result } from "../stage/index.ts";

let machine: RequiringMachine;

beforeAll(() => {
  machine = new RequiringMachine();
});

beforeEach(() => {
  machine.require(null);
  machine.configure(null);
});

afterAll(() => machine.remove());

describe("where the tool keeps what it believes", () => {
  /** What the next run would take for its configuration, its trust and its memory. */
  const believed = [
    ".config/sandboxed/config.toml",
    ".local/state/sandboxed/trust/x",
    ".cache/sandboxed/recall-1.json",
  ];
  const variables = ["SANDBOXED_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"];

  it("cannot be written by a program because a variable moved it elsewhere for one run", () => {
    const { stage } = machine;
    const environment = Object.fromEntries(variables.map((name) => [name, join(stage.folder, "moved", name)]));
    const attack = believed.map((path) => `mkdir -p ~/${path}; rmdir ~/${path}; echo got there > ~/${path}`).join("\n");
    stage.sh(`HOME=${stage.home}\n${attack}\necho got there > ~/proof`, ["-w", stage.home], { environment });
    const found = [...believed, "proof"].filter((path) => existsSync(join(stage.home, path)));
    expect(found).toEqual(["proof"]);
    // The same by the person's own hand, without a sandbox.
    stage.plain("sh", ["-c", attack]);
    expect(believed.filter((path) => existsSync(join(stage.home, path)))).toEqual(believed);
    for (const path of [".config/sandboxed", ".local/state/sandboxed", ".cache/sandboxed"]) {
      rmSync(join(stage.home, path), { recursive: true });
    }
  });
});

// Only root writes there.
describe.skipIf(process.getuid?.() !== 0)("more than a workspace, where no more may be written", () => {
  let own: RequiringMachine;
  beforeAll(() => {
    own = new RequiringMachine();
    own.stage.write(join(own.stage.home, "links/note"), "");
    symlinkSync("/opt", join(own.stage.home, "links/opt"));
  });
  afterAll(() => own.remove());

  const link = (name: string): string => join(own.stage.home, "links", name);
  const profile = (table: string): readonly string[] => [
    "-c",
    `permissions.p={extends=":isolated",${table}}`,
    "-P",
    "p",
  ];
  const names: readonly (readonly [name: string, words: () => readonly string[]])[] = [
    ["by its name", () => ["-w", "/opt"]],
    ["by a link", () => ["-w", link("opt")]],
    ["by a link in a profile", () => profile(`filesystem={"${link("opt")}"="write"}`)],
    ["by a way through /proc", () => profile('filesystem={"/proc/self/root/opt"="write"}')],
    ["as a workspace", () => profile('workspace_roots=["/opt"]')],
    ["as a workspace behind a link", () => profile(`workspace_roots=["${link("opt")}"]`)],
  ];
  const beyond = (): string => join("/opt", `beyond-${process.pid}`);
  const act = (): string => `touch ${beyond()} && rm ${beyond()} && echo beyond`;

  it.each(names)("is refused %s", (_, words) => {
    own.require('allowed_sandbox_modes = ["read-only", "workspace-write"]\n');
    const { stdout, stderr, status } = own.stage.sh(act(), words());
    expect([stdout, status]).toEqual(["", 125]);
    expect(stderr).toMatch(/requirements\.toml:1\b/);
    expect(own.stage.sh("touch made && rm made && echo made", []).stdout).toBe("made\n");
    own.require(null);
    expect(own.stage.sh(act(), words()).stdout).toBe("beyond\n");
  });

  it("is refused to the library by a link, and the whole home by its path", () => {
    own.require('allowed_sandbox_modes = ["read-only", "workspace-write"]\n');
    const wide = { filesystem: { [link("opt")]: "write" } };
    expect(own.api(":isolated", wide, act()).stderr).toContain("requirements_conflict");
    const home = `touch ${own.stage.home}/made && rm ${own.stage.home}/made && echo made`;
    expect(own.stage.sh(home, ["-w", own.stage.home]).status).toBe(125);
    own.require(null);
    expect(own.api(":isolated", wide, act()).stdout).toBe("beyond\n");
    expect(own.stage.sh(home, ["-w", own.stage.home]).stdout).toBe("made\n");
  });
});

describe("a pattern that nobody reads", () => {
  it("holds in what is granted by name as well", () => {
    const { stage } = machine;
    const [key, other] = [join(stage.outside, "deep/er/a.pem"), join(stage.outside, "deep/er/a.txt")];
    stage.write(key, "key\n");
    stage.write(other, "text\n");
    const read = (): string => stage.sh(`cat ${key} ${other}`, ["-r", stage.outside]).stdout;
    machine.require('[permissions.filesystem]\ndeny_read = ["**/*.pem"]\n');
    expect(read()).toBe("text\n");
    machine.require('[permissions.filesystem]\ndeny_read = ["**/*.crt"]\n');
    expect(read()).toBe("key\ntext\n");
  });
});

describe("the loopback of the host, where it is closed to programs", () => {
  it.each(["0.0.0.0", "[::ffff:127.0.0.1]", "127.0.0.1"])("is not reached as %s either", async (address) => {
    const { server, port } = await startHost();
    try {
      const fetched = (): string =>
        machine.stage.sh(`curl -s -m 5 http://${address}:${port}/`, ["--allow-domain", `${address}:${port}`]).stdout;
      machine.require("network.allow_local_binding = false\n");
      expect(fetched()).not.toContain("reached");
      machine.require("network.allow_local_binding = true\n");
      expect(fetched()).toBe("reached\n");
    } finally {
      server.kill();
    }
  });
});

describe("a proxy that a variable names", () => {
  it("is not asked where the door has to dial by itself", async () => {
    const { server, port } = await startHost();
    const environment = { HTTP_PROXY: `http://127.0.0.1:${port}`, http_proxy: `http://127.0.0.1:${port}` };
    try {
      const fetched = (): string =>
        machine.stage.sh("curl -s -m 5 http://beyond.test/", ["--allow-domain", "beyond.test"], { environment }).stdout;
      machine.require("network.allow_upstream_proxy = false\n");
      expect(fetched()).not.toContain("reached");
      machine.require("network.allow_upstream_proxy = true\n");
      expect(fetched()).toBe("reached\n");
    } finally {
      server.kill();
    }
  });
});

describe("a program that uses the library", () => {
  /** `more` are members of the run's options, as text; `journal` opens the journal. */
  function calling(script: string, more: string, journal = "() => ({ append() {}, close() {} })"): Result {
    const library = join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "dist/index.js");
    const program = `
      import { builtinProfile, openSession, run } from ${JSON.stringify(library)};
      const environment = new Map(Object.entries(process.env));
      const session = (ephemeral) => () =>
        openSession({ ephemeral, argv: ["x"], cwd: "/", version: "1", environment }).journal;
      try {
        const { status } = await run({
          policy: { layers: [{ layer: "api", profile: builtinProfile(":isolated") }] },
          program: "sh", arguments: ["-c", ${JSON.stringify(script)}], script: null,
          cwd: process.cwd(), environment, workspaceRoots: null, workspace: "repo", backend: null, terminal: "never",
          streams: ["ignore", "inherit", "inherit"], session: { id: "20260101T000000-aaaaaaaaaaaa", openJournal: ${journal} },
          explain: true, attended: false, ${more}
        });
        process.exitCode = status;
      } catch (error) {
        process.stderr.write(error.code + ": " + error.message);
        process.exitCode = 125;
      }
    `;
    return machine.stage.plain(process.execPath, ["--input-type=module", "-e", program]);
  }

  const doors = [
    ["a door of its own", "serveDoor: async () => ({ update: async () => 0, restore: () => true, close() {} })"],
    ["a clock of its own", "companion: { begin() {}, pausedFor: () => 1e9, end() {} }"],
  ] as const;
  it.each(doors)("cannot bring %s", (_, more) => {
    const { stdout, stderr, status } = calling("echo ran", more);
    expect([stdout, status]).toEqual(["", 125]);
    expect(stderr).toContain("policy_invalid");
    expect(calling("echo ran", "").stdout).toBe("ran\n");
  });

  /** `change` is done to what was prepared, before it is started. */
  function changing(port: number, change: string): Result {
    const library = join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "dist/index.js");
    const program = `
      import { applyPatch, builtinProfile, equip, prepare, readProfile, start } from ${JSON.stringify(library)};
      const said = { layer: "api", file: null, line: null, column: null, owner: "you" };
      const more = readProfile("api", { network: { domains: { "127.0.0.1:${port}": "allow" } } }, () => said);
      const profile = applyPatch(builtinProfile(":isolated"), more);
      const prepared = await prepare({
        policy: { layers: [{ layer: "api", profile }] }, program: "curl", arguments: ["-s", "-m", "5", "http://127.0.0.1:${port}/"],
        script: null, cwd: process.cwd(), environment: new Map(Object.entries(process.env)), workspaceRoots: null,
        workspace: "repo", backend: null, terminal: "never", session: { id: "x" },
      });
      try { ${change} } catch (error) { if (!(error instanceof TypeError)) throw error; }
      const equipment = await equip(prepared);
      const journal = { append() {}, close() {} };
      const running = start({ ...equipment, streams: ["ignore", "inherit", "inherit"], explain: true, attended: false,
        session: { id: "x", openJournal: () => journal } }, equipment.launchable);
      await running.outcome;
    `;
    return machine.stage.plain(process.execPath, ["--input-type=module", "-e", program]);
  }

  it("cannot take a rule out of what was decided for it", async () => {
    const { server, port } = await startHost();
    const required = `[network]\ndenied_domains = ["127.0.0.1"]\n`;
    try {
      for (const change of [
        "prepared.resolved.layers.length = 1",
        "for (const layer of prepared.resolved.layers) if (layer.layer === 'requirements') layer.network.domains.length = 0",
        "prepared.oracle.decide = () => ({ effect: 'allow' }); prepared.oracle.reach = () => null",
        "profile.network.domains.push(...profile.network.domains)",
      ]) {
        machine.require(required);
        expect([change, changing(port, change).stdout]).toEqual([change, ""]);
      }
      machine.require(null);
      expect(changing(port, "").stdout).toBe("reached\n");
    } finally {
      server.kill();
    }
  });

  it("cannot offer a port to other machines", () => {
    const { stdout, stderr } = calling("echo ran", 'publish: [{ address: "0.0.0.0", hostPort: 45871, port: 3000 }]');
    expect([stdout, stderr]).toEqual(["", expect.stringContaining("no address of the loopback")]);
    expect(calling("echo ran", 'publish: [{ address: "127.0.0.1", hostPort: 45871, port: 3000 }]').stdout).toBe(
      "ran\n",
    );
  });

  it.each(["() => ({ append() {}, close() {} })", "session(true)"])(
    "keeps a journal where one is required, and not by %s",
    (journal) => {
      machine.require('audit = "required"\n');
      const { stdout, stderr } = calling("echo ran", "", journal);
      expect([stdout, stderr]).toEqual(["", expect.stringContaining("requirements_conflict")]);
      expect(calling("echo ran", "", "session(false)").stdout).toBe("ran\n");
      machine.require(null);
      expect(calling("echo ran", "", journal).stdout).toBe("ran\n");
    },
  );
});
