import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { RequiringMachine } from "../stage/required.ts";
import { configure, fixture } from "./mcp-world.ts";
import { aSecond } from "../stage/a-second.ts";

let machine: RequiringMachine;
beforeAll(() => {
  machine = new RequiringMachine();
});
afterEach(() => machine.require(null));
afterAll(() => machine.remove());

const identity = (name: string): string => `
[mcp_server_allowlist.${name}]
command = { executable = "${process.execPath}", args = [{ match = "exact", value = "${machine.stage.workspace}/server.mjs" }] }
env = { SERVER_MODE = "good" }
cwd = ":session"
`;
const entry = (name: string, lines = ""): string =>
  fixture(machine.stage, name, lines).replace('command = "node"', `command = "${process.execPath}"`);

interface Ended {
  readonly status: number | null;
  readonly shown: readonly string[];
  readonly said: string;
  /** Milliseconds from the change to the answer of the call that was open. */
  readonly took: number;
}

/** A run with a call open while the requirements become another text, and one call of each server after that. */
async function during(lines: string, before: string, after: string): Promise<Ended> {
  const { stage } = machine;
  configure(stage, entry("docs", lines) + entry("other"));
  machine.require(before);
  stage.write(
    "main.py",
    `import sandboxed
session = sandboxed.connect()
def call(name, **given):
    try: return session.tool(name, given) and "answered"
    except sandboxed.SessionError as error: return error.code + " " + str(error)
print(call("mcp.docs.read", path="/etc/passwd"), flush=True)
print("begun", flush=True)
print(call("mcp.docs.odd", path="hang"), flush=True)
for server in "docs", "other": print(call("mcp." + server + ".read", path="/etc/passwd"), flush=True)
`,
  );
  const child = stage.start(["--grant", "tools=mcp.*", "main.py"]);
  let shown = "";
  let said = "";
  let changed = 0;
  let took = Infinity;
  const ended = new Promise((resolve) => child.once("close", resolve));
  child.stderr?.on("data", (chunk) => (said += String(chunk)));
  child.stdout?.on("data", (chunk) => {
    if (changed > 0 && took === Infinity) took = performance.now() - changed;
    shown += String(chunk);
  });
  await expect.poll(() => shown + said, { timeout: 10_000 }).toContain("begun");
  // By then the files are watched.
  await sleep(600);
  changed = performance.now();
  machine.require(after);
  await ended;
  return { status: child.exitCode, shown: shown.trim().split("\n"), said, took };
}

describe("an allowlist that changes while a run is on", () => {
  it("disables within a second what it does not allow any more, and leaves the others", async () => {
    const both = identity("docs") + identity("other");
    const { status, shown, said, took } = await during("", both, identity("other"));
    const refused = expect.stringMatching(
      /^policy_denied MCP server docs is disabled: requirements \(.*\): no server docs/,
    );
    expect([status, shown], said).toEqual([0, ["answered", "begun", refused, refused, "answered"]]);
    expect(took).toBeLessThan(aSecond);
    expect(said).toContain("the requirements changed: MCP server docs is disabled");
  });

  it("has no effect where it still allows the same", async () => {
    const both = identity("docs") + identity("other");
    const late = "tool_timeout_sec = 2";
    const { status, shown, said } = await during(late, both, `# again\n${both}`);
    const hung = expect.stringMatching(/^tool_failed MCP server docs: .*timed out/);
    expect([status, shown], said).toEqual([0, ["answered", "begun", hung, "answered", "answered"]]);
  });

  it("holds with rules on arguments, and where there was none", async () => {
    const rule = `[mcp_server_allowlist.docs.tools.read.arguments]\npath = { prefix = "/srv/" }\n`;
    const { shown, said } = await during("", "# none\n", identity("docs") + rule + identity("other"));
    const [, , open, docs, other] = shown;
    expect(open, said).toContain("policy_denied MCP server docs is started anew");
    expect(docs).toMatch(/^policy_denied .*requirements.toml:\d+: argument path of read cannot be/);
    expect(other).toBe("answered");
  });

  it("ends a run whose required server it does not allow any more", async () => {
    const both = identity("docs") + identity("other");
    const { status, said } = await during("required = true", both, identity("other"));
    expect(status).not.toBe(0);
    expect(said).toContain("could not start any more and is ended: MCP server docs is disabled");
  });
});
