import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSocket } from "node:net";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";
import { stringify } from "smol-toml";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listSessions, readJournal } from "../../src/audit/index.ts";
import { idleKeys } from "../../src/requirements/idle.ts";
import { keyNames } from "../../src/requirements/keys.ts";
import type { Key } from "../../src/requirements/keys.ts";
import { people } from "../stage/index.ts";
import type { Result } from "../stage/index.ts";
import { RequiringMachine, requirementsFile, startHost } from "../stage/required.ts";

/** Of the machine that all cases share. */
interface Here {
  readonly outside: string;
  readonly port: number;
  /** A socket with a name of those that hand out the host. */
  readonly docker: string;
}

interface Case {
  readonly field: Key;
  readonly requirements: (here: Here) => string;
  /** What somebody asks for who wants to go beyond: options, and the same as a profile over `base`. */
  readonly options: (here: Here) => readonly string[];
  readonly base?: string;
  readonly profile?: (here: Here) => object;
  /** Where it is no matter of a profile: the user's whole file, and options that ask no more than the file does. */
  readonly file?: readonly [text: string, ...options: readonly string[]];
  /** Prints `beyond` when it got there. */
  readonly act: (here: Here) => string;
  /** The same as `sandboxed explain` takes it, with `options`. */
  readonly question?: (here: Here) => readonly [operation: string, subject: string];
}

const fetching = ({ port }: Here): string =>
  `python3 -c "
import urllib.request
print('beyond' if b'reached' in urllib.request.urlopen('http://127.0.0.1:${port}/', timeout=5).read() else '')"`;
const toHost = ({ port }: Here): readonly string[] => ["--host-port", String(port)];
const hostProfile = ({ port }: Here): object => ({ network: { domains: { [`127.0.0.1:${port}`]: "allow" } } });
const toReach = ({ port }: Here) => ["connect", `127.0.0.1:${port}`] as const;
const toWrite = () => ["write", "beyond.txt"] as const;
const writeWorkspace = (): string => "echo x > beyond.txt && rm beyond.txt && echo beyond";

const cases: readonly Case[] = [
  {
    field: "permissions.filesystem.deny_read",
    requirements: ({ outside }) => `[permissions.filesystem]\ndeny_read = ["${outside}"]\n`,
    options: ({ outside }) => ["-r", outside],
    profile: ({ outside }) => ({ filesystem: { [outside]: "read" } }),
    act: ({ outside }) => `grep -q untouched ${outside}/victim && echo beyond`,
    question: ({ outside }) => ["read", `${outside}/victim`],
  },
  {
    field: "permissions.filesystem.deny_write",
    requirements: ({ outside }) => `[permissions.filesystem]\ndeny_write = ["${outside}"]\n`,
    options: ({ outside }) => ["-w", outside],
    profile: ({ outside }) => ({ filesystem: { [outside]: "write" } }),
    act: ({ outside }) => `touch ${outside}/made && rm ${outside}/made && echo beyond`,
    question: ({ outside }) => ["create", `${outside}/made`],
  },
  {
    field: "allowed_sandbox_modes",
    requirements: () => 'allowed_sandbox_modes = ["read-only"]\n',
    options: () => ["-P", ":workspace"],
    base: ":workspace",
    profile: () => ({}),
    act: writeWorkspace,
    question: toWrite,
  },
  {
    field: "allowed_permission_profiles",
    requirements: () => 'default_permissions = ":read-only"\nallowed_permission_profiles = { ":read-only" = true }\n',
    options: () => ["-P", ":workspace"],
    base: ":workspace",
    profile: () => ({}),
    act: writeWorkspace,
    question: toWrite,
  },
  {
    field: "network.enabled",
    requirements: () => "[network]\nenabled = false\n",
    options: toHost,
    profile: hostProfile,
    act: fetching,
    question: toReach,
  },
  {
    field: "network.denied_domains",
    requirements: ({ port }) => `[network]\ndenied_domains = ["127.0.0.1:${port}"]\n`,
    options: toHost,
    profile: hostProfile,
    act: fetching,
    question: toReach,
  },
  {
    field: "network.managed_allowed_domains_only",
    requirements: () => '[network]\nallowed_domains = ["api.example.com"]\nmanaged_allowed_domains_only = true\n',
    options: toHost,
    profile: hostProfile,
    act: fetching,
    question: toReach,
  },
  {
    field: "network.allow_local_binding",
    requirements: () => "[network]\nallow_local_binding = false\n",
    options: toHost,
    profile: hostProfile,
    act: fetching,
    question: toReach,
  },
  {
    field: "network.unix_sockets",
    requirements: ({ outside }) => `[network.unix_sockets]\n"${outside}/service.sock" = "deny"\n`,
    options: ({ outside }) => ["--allow-unix-socket", `${outside}/service.sock`],
    profile: ({ outside }) => ({ network: { unix_sockets: { [`${outside}/service.sock`]: "allow" } } }),
    act: ({ outside }) =>
      `python3 -c "import socket as s; s.socket(s.AF_UNIX).connect('${outside}/service.sock'); print('beyond')"`,
    question: ({ outside }) => ["connect_unix", `${outside}/service.sock`],
  },
  {
    field: "network.dangerously_allow_all_unix_sockets",
    requirements: () => "network.dangerously_allow_all_unix_sockets = false\n",
    options: ({ docker }) => [
      "-c",
      `permissions.y={extends=':isolated',network={unix_sockets={'${docker}'={access='allow',dangerous=true}}}}`,
      "-P",
      "y",
    ],
    profile: ({ docker }) => ({ network: { unix_sockets: { [docker]: { access: "allow", dangerous: true } } } }),
    act: ({ docker }) => `python3 -c "import socket as s; s.socket(s.AF_UNIX).connect('${docker}'); print('beyond')"`,
    question: ({ docker }) => ["connect_unix", docker],
  },
  {
    field: "remote_sandbox_config",
    requirements: () =>
      `[[remote_sandbox_config]]\nhostname_patterns = ["${hostname()}"]\nallowed_sandbox_modes = ["read-only"]\n`,
    options: () => ["-P", ":workspace"],
    base: ":workspace",
    profile: () => ({}),
    act: writeWorkspace,
    question: toWrite,
  },
  {
    field: "limits",
    requirements: () => "[limits]\nopen_files = 64\n",
    options: () => ["-c", "permissions.y={extends=':isolated',limits={open_files=512}}", "-P", "y"],
    profile: () => ({ limits: { open_files: 512 } }),
    act: () => "[ $(ulimit -n) -gt 64 ] && echo beyond",
  },
  {
    field: "enforcement_level",
    requirements: () => 'enforcement_level = "bwrap"\n',
    options: () => ["-P", ":danger-full-access"],
    base: ":danger-full-access",
    profile: () => ({}),
    act: () => "echo beyond",
  },
  {
    field: "tool.min_version",
    requirements: () => '[tool]\nmin_version = "99.0.0"\n',
    options: () => [],
    profile: () => ({}),
    act: () => "echo beyond",
  },
  {
    field: "tool.max_version",
    requirements: () => '[tool]\nmax_version = "0.0.1"\n',
    options: () => [],
    profile: () => ({}),
    act: () => "echo beyond",
  },
  {
    field: "network.domains",
    requirements: ({ port }) => `[network.domains]\n"127.0.0.1:${port}" = "deny"\n`,
    options: toHost,
    profile: hostProfile,
    act: fetching,
    question: toReach,
  },
  {
    field: "network.allowed_domains",
    requirements: () => '[network]\nallowed_domains = ["api.example.com"]\n',
    options: () => ["--network", "full"],
    profile: () => ({ network: { mode: "full" } }),
    act: fetching,
    question: toReach,
  },
  {
    field: "audit",
    requirements: () => 'audit = "required"\n',
    options: () => ["--ephemeral"],
    act: () => "echo beyond",
  },
  {
    field: "features",
    requirements: () => "[features]\nuse_legacy_landlock = false\n",
    options: () => ["--enable", "use_legacy_landlock", "--backend", "landlock", "-P", ":read-only"],
    file: ["[features]\nuse_legacy_landlock = true\n", "--backend", "landlock", "-P", ":read-only"],
    act: () => "echo beyond",
  },
  {
    field: "permissions.*",
    requirements: () => '[permissions.ci]\nextends = ":read-only"\n',
    options: () => ["-c", "permissions.ci.extends=:workspace", "-P", "ci"],
    file: ['default_permissions = "ci"\n[permissions.ci]\nextends = ":workspace"\n'],
    act: writeWorkspace,
    question: toWrite,
  },
  {
    field: "test",
    requirements: ({ outside }) => `[[test]]\nquery = "read ${outside}/victim"\nexpect = "deny"\n`,
    options: ({ outside }) => ["-r", outside],
    profile: ({ outside }) => ({ filesystem: { [outside]: "read" } }),
    act: ({ outside }) => `cat ${outside}/victim && echo beyond`,
  },
];

let machine: RequiringMachine;
let host: { readonly server: ChildProcess; readonly port: number };
let here: Here;
const service = createSocket((socket) => socket.end());
const dangerous = createSocket((socket) => socket.end());

beforeAll(async () => {
  machine = new RequiringMachine();
  host = await startHost();
  const docker = join(machine.stage.home, ".docker/run/docker.sock");
  mkdirSync(join(docker, ".."), { recursive: true });
  here = { outside: machine.stage.outside, port: host.port, docker };
  await new Promise<void>((listening) => service.listen(join(here.outside, "service.sock"), listening));
  await new Promise<void>((listening) => dangerous.listen(docker, listening));
});

afterAll(() => {
  service.close();
  dangerous.close();
  machine.remove();
  host.server.kill("SIGKILL");
});

/** A socket that is not allowed is not there; a limit is met in the end. */
const untold: ReadonlySet<Key> = new Set([
  "limits",
  "network.unix_sockets",
  "network.dangerously_allow_all_unix_sockets",
]);

type Way = (one: Case) => Result;

/** As a user's file has it. */
function configOf({ base = ":isolated", profile = () => ({}), file }: Case): string {
  if (file !== undefined) return file[0];
  const isPlain = Object.keys(profile(here)).length === 0;
  return isPlain
    ? stringify({ default_permissions: base })
    : stringify({ default_permissions: "mine", permissions: { mine: { extends: base, ...profile(here) } } });
}

const byOptions: Way = (one) => machine.stage.sh(one.act(here), one.options(here));

const ways: readonly (readonly [string, Way])[] = [
  ["options", byOptions],
  [
    "a configuration",
    (one) => {
      machine.configure(configOf(one));
      return machine.stage.sh(one.act(here), one.file?.slice(1));
    },
  ],
  [
    "a variable that leads to another configuration",
    (one) => {
      const folder = join(machine.stage.home, "elsewhere");
      machine.stage.write(join(folder, "config.toml"), configOf(one));
      return machine.stage.sh(one.act(here), one.file?.slice(1), { environment: { SANDBOXED_HOME: folder } });
    },
  ],
  [
    "a file that is named",
    (one) => {
      machine.stage.write("named.toml", configOf(one));
      return machine.stage.sh(one.act(here), ["--config", "named.toml", ...(one.file?.slice(1) ?? [])]);
    },
  ],
  ["the library", (one) => machine.api(one.base ?? ":isolated", one.profile?.(here) ?? {}, one.act(here))],
];

describe.each(cases)("$field", (one) => {
  const isFiles = one.profile === undefined && one.file !== undefined;
  // What is no policy is nothing that the library is asked for.
  const tried = one.profile !== undefined ? ways : isFiles ? ways.slice(0, -1) : ways.slice(0, 1);
  it("holds against every way to ask for more (C05), names its source, and is what makes the difference", () => {
    for (const [name, way] of tried) {
      machine.configure(null);
      machine.require(one.requirements(here));
      const { stdout, stderr } = way(one);
      expect([name, stdout]).toEqual([name, expect.not.stringContaining("beyond")]);
      if (!untold.has(one.field)) expect([name, stderr]).toEqual([name, expect.stringContaining(requirementsFile)]);
      // Of one field every way is shown to get there where nothing is required, of the others the first.
      if (way !== byOptions && one !== cases[0]) continue;
      machine.require(null);
      expect([name, way(one).stdout]).toEqual([name, expect.stringContaining("beyond")]);
    }
    expect(machine.stage.read(join(here.outside, "victim"))).toBe("untouched\n");
  });

  it.skipIf(one.question === undefined)("is what explain says, and so is its source", () => {
    const asked = (): Result =>
      machine.stage.sandboxed(["explain", ...(one.question?.(here) ?? []), ...one.options(here)]);
    machine.configure(null);
    machine.require(one.requirements(here));
    const { status, stdout, stderr } = asked();
    expect([status === 0, stdout + stderr]).toEqual([false, expect.stringContaining(requirementsFile)]);
    machine.require(null);
    expect(asked().status).toBe(0);
  });
});

/** Keys whose effect is another one than taking something away from who asks for it: the test that shows it. */
const shownBy: Readonly<Partial<Record<Key, readonly [file: string, title: string]>>> = {
  support_contact: [
    "requirements.test.ts",
    "a rule of the organisation's holds, and is shown with its line and its owner",
  ],
  default_permissions: ["requirements.test.ts", "can be named by everybody, and are the default of who chooses none"],
  "permissions.filesystem.report_only_until": ["requirements.test.ts", "on trial is recorded, of files"],
  "network.report_only_until": ["requirements.test.ts", "on trial is recorded, of files"],
  exceptions: ["requirements.test.ts", "as an exception holds for the one place"],
  "network.allow_unix_sockets": ["requirements.test.ts", "are open to everybody"],
  "network.header_injections": ["requirements.test.ts", "are set on requests, whatever a user's credential"],
  "network.allow_upstream_proxy": [
    "../escape/policy-reach.test.ts",
    "is not asked where the door has to dial by itself",
  ],
  "network.dangerously_allow_non_loopback_proxy": [
    "../escape/requirements-reach.test.ts",
    "is none where there is no network",
  ],
  mcp_server_allowlist: ["mcp-live.test.ts", "disables within a second what it does not allow any more"],
  requirements_source: ["requirements-bundle.test.ts", "binds a run by the bundle, with its line"],
  min_serial: ["requirements-bundle.test.ts", "serial is below min_serial"],
  serial: ["requirements-bundle.test.ts", "goes back to no older bundle that a server serves"],
  expires: ["requirements-bundle.test.ts", "expires is past"],
  audience: ["requirements-bundle.test.ts", "audience is another"],
};

describe("keys", () => {
  it.each(keyNames)("%s is shown to have its effect, by a case or a test, or said to have none yet", (key) => {
    const [file = "", title = ""] = shownBy[key] ?? [];
    const text = file === "" ? "" : readFileSync(join(import.meta.dirname, file), "utf8");
    const names = [key, key.split(".").at(-1) ?? key];
    // As the title of a test or the first cell of a row, which it is not above.
    const titled = new RegExp(`[[(]\\s*"${title.replaceAll(".", "\\.")}`);
    const isShown = titled.test(text) && names.some((name) => text.includes(name));
    const held = [cases.some(({ field }) => field === key), shownBy[key] !== undefined, idleKeys.has(key)];
    expect([held.filter(Boolean), shownBy[key] === undefined || isShown]).toEqual([[true], true]);
  });

  it("that nothing acts on yet are shown with their place, and warned of", () => {
    const lines: Readonly<Record<string, string>> = {
      allowed_approval_policies: '["never"]',
      allowed_approvals_reviewers: '["user"]',
      allow_managed_hooks_only: "true",
      "rules.prefix_rules": '[{ pattern = ["git"], decision = "prompt" }]',
      "windows.allowed_sandbox_implementations": '["elevated"]',
      "network.review_domains": '["a.example"]',
      "network.http_port": "8080",
      "network.socks_port": "1080",
      hooks: '{ managed_dir = "/etc/sandboxed/hooks" }',
      otel: '{ exporter = "none" }',
    };
    expect(new Set(Object.keys(lines))).toEqual(idleKeys);
    const text = Object.entries(lines).map(([key, value]) => `${key} = ${value}\n`);
    machine.configure(null);
    machine.require(text.join(""));
    const { fields } = JSON.parse(machine.stage.sandboxed(["requirements", "show", "--json"]).stdout);
    const found = fields.map(({ key, isIdle, from }: { key: string; isIdle: boolean; from: { line: number }[] }) => [
      key,
      isIdle,
      from[0]?.line,
    ]);
    const wanted = Object.keys(lines).map((key, index) => [key, true, index + 1]);
    expect(new Set(found)).toEqual(new Set(wanted));
    const { warnings } = JSON.parse(
      machine.stage.sandboxed(["requirements", "check", "--json", requirementsFile]).stdout,
    );
    for (const [key, , line] of wanted) {
      const warning = `${requirementsFile}:${String(line)}: nothing in this version acts on ${String(key)}`;
      expect(warnings).toContainEqual(expect.stringContaining(warning));
    }
    expect(machine.stage.sh("echo runs").stdout).toBe("runs\n");
  });
});

describe("sockets of the organisation's", () => {
  it.each(["allow_unix_sockets = [SOCKET]", 'unix_sockets = { SOCKET = "allow" }'])(
    "are open to everybody: %s",
    (line) => {
      const path = join(here.outside, "service.sock");
      const connect = `python3 -c "import socket as s; s.socket(s.AF_UNIX).connect('${path}'); print('connected')"`;
      machine.configure(null);
      machine.require(`network.${line.replace("SOCKET", `"${path}"`)}\n`);
      expect(machine.stage.sh(connect).stdout).toBe("connected\n");
      expect(machine.stage.sh(connect, ["--network", "off"]).stdout).toBe("");
      machine.require(null);
      expect(machine.stage.sh(connect).stdout).toBe("");
    },
  );
});

describe("profiles of the organisation's", () => {
  it("can be named by everybody, and are the default of who chooses none", () => {
    machine.configure(null);
    machine.require(
      'default_permissions = "ci"\nallowed_permission_profiles = { ci = true }\n[permissions.ci]\nextends = ":read-only"\n',
    );
    for (const words of [[], ["-P", "ci"]]) {
      const { stdout } = machine.stage.sh("cat README.md; echo x > made.txt", words);
      expect([stdout, machine.stage.read("made.txt")]).toEqual(["# project\n", null]);
    }
    machine.require('[permissions.ci]\nextends = ":isolated"\n');
    expect(machine.stage.sh("echo x > made.txt && rm made.txt && echo made", ["-P", "ci"]).stdout).toBe("made\n");
  });
});

describe("network.header_injections", () => {
  it("are set on requests, whatever a user's credential of that name is", async () => {
    const seen: (string | undefined)[] = [];
    const server = createServer(({ headers }, response) => {
      seen.push(headers.authorization);
      response.end("reached");
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    const { port } = server.address() as AddressInfo;
    const bound = (table: string, from: string): string =>
      `[${table}]\nhost = "http://127.0.0.1:${port}"\nheader = "Authorization: Bearer {}"\nfrom = "env:${from}"\n`;
    const required = bound("network.header_injections.SERVICE_TOKEN", "SERVICE_TOKEN");
    const own = bound("permissions.mine.network.credentials.SERVICE_TOKEN", "OTHER_TOKEN");
    const asked = async (words: readonly string[]): Promise<string | undefined> => {
      const environment = { SERVICE_TOKEN: "the-organisations", OTHER_TOKEN: "the-users" };
      const script = `python3 -c "
import os, urllib.request as r
q = r.Request('http://127.0.0.1:${port}/', headers={'Authorization': 'Bearer mine'})
print(r.urlopen(q, timeout=5).read().decode(), os.environ.get('SERVICE_TOKEN') == 'the-organisations')"`;
      const before = seen.length;
      const child = machine.stage.start([...words, "--", "sh", "-c", script], { environment });
      let printed = "";
      child.stdout?.on("data", (chunk) => (printed += String(chunk)));
      await once(child, "close");
      expect(printed).not.toContain("True");
      return seen.slice(before).at(-1);
    };
    try {
      machine.configure(null);
      machine.require(required);
      const words = ["--host-port", String(port)];
      expect(await asked(words)).toBe("Bearer the-organisations");
      machine.configure(`default_permissions = "mine"\n[permissions.mine]\nextends = ":isolated"\n${own}`);
      expect(await asked(words)).toBe("Bearer the-organisations");
      machine.require(null);
      expect(await asked(words)).toBe("Bearer the-users");
      machine.configure(null);
      expect(await asked(words)).toBe("Bearer mine");
    } finally {
      machine.configure(null);
      machine.require(null);
      server.close();
    }
  });
});

describe.each(people)("for %s", (person) => {
  it("a rule of the organisation's holds, and is shown with its line and its owner", () => {
    const own = new RequiringMachine(person);
    try {
      const secret = join(own.stage.outside, "victim");
      own.require(`support_contact = "it@example.com"\n[permissions.filesystem]\ndeny_read = ["${secret}"]\n`);
      const { stdout, stderr } = own.stage.sh(`cat ${secret}`, ["-r", own.stage.outside]);
      expect(stdout).toBe("");
      expect(stderr).toContain(`${requirementsFile}:3`);
      expect(stderr).toContain("it@example.com");
      const shown = own.stage.sandboxed(["policy", "show", "--effective", "-r", own.stage.outside]).stdout;
      expect(shown).toMatch(new RegExp(`${secret}.*deny.*${requirementsFile}:3`));
      own.require(null);
      expect(own.stage.sh(`cat ${secret}`, ["-r", own.stage.outside]).stdout).toBe("untouched\n");
    } finally {
      own.remove();
    }
  });
});

describe("what requirements leave open", () => {
  const records = (): readonly (readonly [string, unknown])[] =>
    listSessions(new Map([["HOME", machine.stage.home]]))
      .flatMap(({ journal }) => [...readJournal(journal)])
      .flatMap(({ kind, members }): readonly (readonly [string, unknown])[] => {
        if (kind === "requirements.would_deny") return [[String(members.get("target")), members.get("place")]];
        return kind === "requirements.applied" ? [["exceptions", members.get("exceptions")]] : [];
      });
  const trial = "report_only_until = 2999-01-01T00:00:00Z\n";

  it("on trial is recorded, of files when they are granted and of hosts when they are reached", () => {
    machine.configure(null);
    const { outside, port } = here;
    machine.require(
      `[permissions.filesystem]\n${trial}deny_read = ["${outside}"]\n[network]\n${trial}denied_domains = ["127.0.0.1"]\n`,
    );
    const script = `cat ${outside}/victim; ${fetching(here)}`;
    expect(machine.stage.sh(script, ["-r", outside, ...toHost(here)]).stdout).toBe("untouched\nbeyond\n");
    const found = records();
    expect(found).toContainEqual([outside, `${requirementsFile}:3`]);
    expect(found).toContainEqual([`127.0.0.1:${port}`, `${requirementsFile}:6`]);
  });

  it("rule by rule is recorded as well, by path, pattern and host, and holds once the trial is over", () => {
    const { outside, port } = here;
    machine.stage.write(join(outside, "key.pem"), "key\n");
    const script = `cat ${outside}/victim ${outside}/key.pem; ${fetching(here)}`;
    const run = (until: string): string => {
      const rule = (key: string, value: string): string => `{ ${key} = "${value}", report_only_until = ${until} }`;
      machine.require(
        `[permissions.filesystem]\ndeny_read = [\n${rule("path", `${outside}/victim`)},\n${rule("path", "**/*.pem")}]\n[network]\ndenied_domains = [${rule("domain", "127.0.0.1")}]\n`,
      );
      return machine.stage.sh(script, ["-r", outside, ...toHost(here)]).stdout;
    };
    const before = records().length;
    expect(run("2999-01-01T00:00:00Z")).toBe("untouched\nkey\nbeyond\n");
    const found = records().slice(before);
    expect(found).toContainEqual([join(outside, "victim"), `${requirementsFile}:3`]);
    expect(found).toContainEqual([join(outside, "key.pem"), `${requirementsFile}:4`]);
    expect(found).toContainEqual([`127.0.0.1:${port}`, `${requirementsFile}:6`]);
    expect(run("2020-01-01T00:00:00Z")).toBe("");
  });

  it("as an exception holds for the one place, and is recorded with its number", () => {
    const { outside } = here;
    machine.require(
      `[permissions.filesystem]\ndeny_read = ["${outside}"]\n[[exceptions]]\nid = "EX-7"\nreason = "migration"\napprover = "security"\nexpires = 2999-01-01T00:00:00Z\n[exceptions.permissions.filesystem]\nallow_read = ["${outside}/victim"]\n`,
    );
    machine.stage.write(join(outside, "other"), "other\n");
    const { stdout } = machine.stage.sh(`cat ${outside}/victim; cat ${outside}/other`, ["-r", outside]);
    expect(stdout).toBe("untouched\n");
    expect(JSON.stringify(records())).toContain("EX-7");
  });
});
