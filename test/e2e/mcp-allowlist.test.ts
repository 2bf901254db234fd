import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startBad } from "../mcp/bad-http-server.ts";
import { RequiringMachine } from "../stage/required.ts";
import { configure, fixture } from "./mcp-world.ts";

let machine: RequiringMachine;
let server: Awaited<ReturnType<typeof startBad>>;
beforeAll(async () => {
  machine = new RequiringMachine();
  server = await startBad();
  fixture(machine.stage);
  const { stage } = machine;
  // Programs that are none of the allowed ones, or are under another name.
  for (const name of ["npx", "docs-mcp"]) {
    stage.write(join(stage.workspace, name), `#!/bin/sh\nexec ${process.execPath} ${stage.workspace}/server.mjs\n`);
    chmodSync(join(stage.workspace, name), 0o755);
  }
  stage.write(join(stage.workspace, "fake/cat"), "#!/bin/sh\necho faked >&2\nexit 7\n");
  chmodSync(join(stage.workspace, "fake/cat"), 0o755);
  symlinkSync(process.execPath, join(stage.workspace, "link"));
  symlinkSync(join(stage.workspace, "docs-mcp"), join(stage.workspace, "node"));
  symlinkSync(join(stage.workspace, "npx"), join(stage.workspace, "fetch-docs"));
});
afterAll(async () => {
  await server.close();
  machine.remove();
});

interface Case {
  /** Below `[mcp_server_allowlist.NAME]`. */
  readonly allowed: string;
  /** Below `[mcp_servers.NAME]`. */
  readonly entry: string;
  /** Why it is not used; null when its tool answers. */
  readonly refused: string | null;
}

const text = JSON.stringify;
const node = process.execPath;
const program = (executable: string, args: readonly string[] = [], more = ""): string =>
  `command = { executable = ${text(executable)}, args = [${args.join(", ")}]${more} }\ncwd = ":session"`;
const entry = (command: string, args: readonly string[] = [], more = ""): string =>
  `command = ${text(command)}\nargs = ${text(args)}\n${more}`;

/** Name by name; those that belong together differ in one thing alone. */
function cases(): ReadonlyMap<string, Case> {
  const { workspace } = machine.stage;
  const file = join(workspace, "server.mjs");
  const exact = (value: string): string => `{ match = "exact", value = ${text(value)} }`;
  const prefix = (value: string): string => `{ match = "prefix", value = ${text(value)} }`;
  const regex = (expression: string): string => `{ match = "regex", expression = ${text(expression)} }`;
  const plain = program(node, [exact(file)]);
  const digest = createHash("sha256").update(readFileSync(node)).digest("hex");
  const runner = join(workspace, "npx");
  const url = (address: string, match = "exact"): string => `url = { match = "${match}", value = ${text(address)} }`;
  return new Map<string, Case>([
    ["exact", { allowed: plain, entry: entry(node, [file]), refused: null }],
    ["exact-other", { allowed: plain, entry: entry(node, [`${file}x`]), refused: "its argument 1" }],
    ["exact-more", { allowed: plain, entry: entry(node, [file, "-e", "0"]), refused: "its argument 2" }],
    ["exact-less", { allowed: plain, entry: entry(node), refused: "its argument 1 is missing" }],
    ["prefix", { allowed: program(node, [prefix(`${workspace}/`)]), entry: entry(node, [file]), refused: null }],
    [
      "prefix-other",
      { allowed: program(node, [prefix("/srv/")]), entry: entry(node, [file]), refused: "its argument 1" },
    ],
    [
      "prefix-left",
      {
        allowed: program(node, [prefix(`${workspace}/docs/`)]),
        entry: entry(node, [`${workspace}/docs/../server.mjs`]),
        refused: "its argument 1",
      },
    ],
    ["regex", { allowed: program(node, [regex(".*/[a-z]+[.]mjs")]), entry: entry(node, [file]), refused: null }],
    [
      "regex-part",
      { allowed: program(node, [regex("[a-z]+[.]mjs")]), entry: entry(node, [file]), refused: "its argument 1" },
    ],
    [
      "digest",
      { allowed: program(node, [exact(file)], `, sha256 = "${digest}"`), entry: entry(node, [file]), refused: null },
    ],
    [
      "digest-other",
      {
        allowed: program(node, [exact(file)], `, sha256 = "${"0".repeat(64)}"`),
        entry: entry(node, [file]),
        refused: "digest",
      },
    ],
    ["renamed", { allowed: "", entry: entry(node, [file]), refused: "no server renamed is allowed" }],
    ["wrapped", { allowed: plain, entry: entry("env", [node, file]), refused: "its command env" }],
    ["shell", { allowed: plain, entry: entry("sh", ["-c", `${node} ${file}`]), refused: "its command sh" }],
    ["linked", { allowed: plain, entry: entry(join(workspace, "link"), [file]), refused: null }],
    ["same-name", { allowed: plain, entry: entry(join(workspace, "node"), [file]), refused: "its command" }],
    [
      "variable",
      {
        allowed: `${plain}\nenv = { LEVEL = "1" }`,
        entry: entry(node, [file], 'env = { LEVEL = "1" }'),
        refused: null,
      },
    ],
    [
      "variable-other",
      { allowed: plain, entry: entry(node, [file], 'env = { NODE_OPTIONS = "-r x" }'), refused: "NODE_OPTIONS" },
    ],
    [
      "handed",
      { allowed: `${plain}\nenv_vars = ["LANG"]`, entry: entry(node, [file], 'env_vars = ["LANG"]'), refused: null },
    ],
    [
      "handed-other",
      { allowed: plain, entry: entry(node, [file], 'env_vars = ["LD_PRELOAD"]'), refused: "LD_PRELOAD" },
    ],
    [
      "place",
      {
        allowed: plain.replace(":session", workspace),
        entry: entry(node, [file], `cwd = ${text(workspace)}`),
        refused: null,
      },
    ],
    [
      "place-other",
      {
        allowed: plain.replace(":session", workspace),
        entry: entry(node, [file], 'cwd = "/usr"'),
        refused: "its directory /usr",
      },
    ],
    [
      "runner",
      { allowed: program(runner, [exact("docs@1.2.3")]), entry: entry(runner, ["docs@1.2.3"]), refused: null },
    ],
    [
      "runner-loose",
      {
        allowed: program(runner, [exact("docs@latest")]),
        entry: entry(runner, ["docs@latest"]),
        refused: "needs an exact version",
      },
    ],
    [
      "runner-linked",
      {
        allowed: program(join(workspace, "fetch-docs"), [exact("docs")]),
        entry: entry(join(workspace, "fetch-docs"), ["docs"]),
        refused: "needs an exact version",
      },
    ],
    ["Exact", { allowed: "", entry: entry(node, [file]), refused: "no server Exact is allowed" }],
    ["address", { allowed: url(server.url), entry: `url = ${text(server.url)}`, refused: null }],
    [
      "address-below",
      { allowed: url(new URL("/", server.url).href, "prefix"), entry: `url = ${text(server.url)}`, refused: null },
    ],
    ["address-other", { allowed: url(`${server.url}/x`), entry: `url = ${text(server.url)}`, refused: "its url" }],
    ["address-instead", { allowed: plain, entry: `url = ${text(server.url)}`, refused: "its command has to match" }],
  ]);
}

it("a server of a run is used only where name and identity match, and nothing gets round that", async () => {
  const { stage } = machine;
  const all = cases();
  const allowed = [...all].map(([name, each]) =>
    each.allowed === "" ? "" : `[mcp_server_allowlist.${name}]\n${each.allowed}\n`,
  );
  machine.require(allowed.join(""));
  configure(stage, [...all].map(([name, each]) => `[mcp_servers.${name}]\n${each.entry}\n`).join(""));
  const script = `
import sandboxed
session = sandboxed.connect()
for name in ${text([...all.keys()])}:
    tool = "odd" if name.startswith("address") else "write"
    try: print(name, session.tool("mcp." + name + "." + tool, {"how": "good"}))
    except sandboxed.SessionError as error: print(name, error.code, error)
try: session.tool("mcp.write", {})
except sandboxed.SessionError as error: print(error)`;
  const approved = [...all.keys()].map((name) => `-c mcp_servers.${name}.default_tools_approval_mode="approve"`);
  stage.write("main.py", script);
  // The addresses are of this process: it has to go on.
  const words = approved.flatMap((word) => word.split(" "));
  const child = stage.start([...words, "--grant", "tools=mcp.*", "main.py"]);
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr?.on("data", (chunk) => (stderr += String(chunk)));
  await once(child, "close");
  const came = stdout.trim().split("\n");
  const wanted = [...all].map(([name, { refused }]) => {
    if (refused === null) return `${name} ${name.startsWith("address") ? "still here" : "written"}`;
    return expect.stringMatching(
      new RegExp(`^${name} policy_denied MCP server ${name} is disabled: requirements .*${refused}`),
    );
  });
  expect(came.slice(0, -1), stderr).toEqual(wanted);
  // Two servers that are there have it.
  expect(came.at(-1)).toContain("is a tool of more than one server");
});

it("a bare name is the system's program, whatever comes first in the caller's PATH", () => {
  const { stage } = machine;
  const PATH = `${stage.workspace}/fake:${process.env["PATH"]}`;
  configure(stage, '[mcp_servers.docs]\ncommand = "cat"\nstartup_timeout_sec = 2\n');
  const look = (): string => {
    const { stdout, stderr } = stage.sandboxed(["mcp", "get", "docs", "--tools"], { environment: { PATH } });
    return stdout + stderr;
  };
  machine.require(null);
  expect(look()).toContain("faked");
  machine.require('[mcp_server_allowlist.docs]\ncommand = "cat"\n');
  const said = look();
  // `cat` says what it hears: a server it is not.
  expect(said).toContain("MCP server docs");
  expect(said).not.toContain("faked");
});

it("what the organisation fixed is set, and nothing besides, whatever entry, profile, options and caller say", () => {
  const { stage } = machine;
  const file = join(stage.workspace, "server.mjs");
  const set = `set = { NODE_OPTIONS = "--import=${stage.workspace}/evil.mjs", PATH = "/evil", LEVEL = "9" }`;
  stage.write("evil.mjs", 'process.env.EVIL = "loaded";');
  const profile = `[permissions.servers]\nextends = ":workspace"\n[permissions.servers.environment]\n${set}\n`;
  configure(
    stage,
    `${profile}[mcp_servers.docs]\n${entry(node, [file], 'permissions = "servers"\nenv_vars = ["LANG"]')}\n`,
  );
  stage.write("main.py", 'import json, sandboxed\nprint(json.dumps(sandboxed.connect().tool("mcp.docs.env", {})))');
  const variables = (): Readonly<Record<string, string>> => {
    const { stdout, stderr } = stage.run(["-e", "LEVEL=8", "-e", "OTHER=1", "--grant", "tools=mcp.*", "main.py"], {
      environment: { LEVEL: "7", LD_LIBRARY_PATH: "/evil", LANG: "C.UTF-8" },
    });
    expect(stdout, stderr).not.toBe("");
    return JSON.parse(stdout);
  };
  machine.require(null);
  expect(variables()).toMatchObject({ EVIL: "loaded", PATH: "/evil", LEVEL: "9" });
  machine.require(
    `[mcp_server_allowlist.docs]\n${program(node, [`{ match = "exact", value = ${text(file)} }`])}\nenv = { LEVEL = "1" }\nenv_vars = ["LANG"]\n`,
  );
  const fixed = variables();
  expect(fixed).toMatchObject({ LEVEL: "1", LANG: "C.UTF-8", PATH: expect.stringContaining("/usr/bin") });
  expect(Object.keys(fixed)).not.toEqual(expect.arrayContaining([expect.stringMatching(/EVIL|NODE_|LD_|OTHER/)]));
  expect(fixed["PATH"]).not.toContain("evil");
});

it.each([
  ["an empty table", "mcp_server_allowlist = {}\n", false],
  ["no table", "", true],
])("%s: servers are used: %s", (_, requirements, used) => {
  const { stage } = machine;
  configure(stage, `[mcp_servers.docs]\n${entry(node, [join(stage.workspace, "server.mjs")])}\n`);
  machine.require(requirements);
  stage.write(
    "main.py",
    `import sandboxed
session = sandboxed.connect()
print([tool.name for tool in session.tools()].count("mcp.docs.env"))
try: print(len(session.tool("mcp.docs.env", {})) > 0)
except sandboxed.SessionError as error: print(error.code, error)`,
  );
  const words = ["--grant", "tools=mcp.*", "main.py"];
  const { stdout, stderr } = stage.run(words);
  const refusal =
    /^0\npolicy_denied MCP server docs is disabled: requirements \(\S*requirements\.toml:1\): no server docs is allowed/;
  expect(stdout, stderr).toMatch(used ? /^1\nTrue\n$/ : refusal);
  // Whoever changes the entry by an option gets no further; one that is required ends the run before it starts.
  const required = stage.run([
    "-c",
    "mcp_servers.docs.required=true",
    "-c",
    'mcp_servers.docs.command="cat"',
    ...words,
  ]);
  expect(required.status).toBe(125);
  expect(required.stderr).toContain(used ? "MCP server docs" : "no server docs is allowed");
});
