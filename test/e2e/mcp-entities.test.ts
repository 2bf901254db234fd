import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { configure } from "./mcp-world.ts";

const tool = (): string => process.env["SANDBOXED_TEST_TOOL"] ?? "";

const entry = (): string => `
[permissions.servers]
extends = ":isolated"
[permissions.servers.filesystem]
"${tool()}" = "read"
[mcp_servers.entities]
command = "node"
args = ["${tool()}/examples/entities/server.mjs"]
permissions = "servers"
required = true
`;

/** Runs the example with its tools at a server, answers its one question, and returns which tools it called. */
async function investigate(stage: Stage, reply: string): Promise<readonly string[]> {
  configure(stage, entry());
  stage.write("investigate.py", readFileSync(join(tool(), "examples/session/investigate.py"), "utf8"));
  const child = stage.start(["--grant", "tools=mcp.*", "--grant", "checkpoint", "investigate.py"]);
  let said = "";
  child.stderr?.on("data", (chunk) => (said += String(chunk)));
  const exited = once(child, "exit");
  await expect.poll(() => said, { timeout: 10_000 }).toContain("Investigate these rows?");
  const [, session = ""] = /session reply (\S+)/.exec(said) ?? [];
  const answered = stage.sandboxed(["session", "reply", session, reply]);
  expect(answered.status, answered.stderr).toBe(0);
  expect((await exited)[0], said).toBe(0);
  const { records }: { records: readonly { kind: string; method?: string; subjects: readonly string[] }[] } =
    JSON.parse(stage.sandboxed(["audit", "show", session, "--json"]).stdout);
  return records
    .filter(({ kind, method }) => kind === "session.called" && method === "session.tool")
    .flatMap(({ subjects }) => subjects);
}

const page = "mcp.entities.Entity_List";

describe("examples/session/investigate.py with the server of examples/entities", () => {
  it.each([
    ['{"approve": true, "id": 77}', [page, page, "mcp.entities.Entity_Get", page]],
    ["no", [page, page, page]],
  ])("answered with %s", (reply, called) =>
    onStage("self", async (stage) => expect(await investigate(stage, reply)).toEqual(called)),
  );

  it("calls a tool by each of its names, and none that it was not granted", () =>
    onStage("self", (stage) => {
      configure(stage, entry());
      const script = `
import sandboxed
session = sandboxed.connect()
for name in "mcp.entities.Entity_Get", "mcp.Entity_Get", "mcp__entities__Entity_Get", "mcp.Entity_List", "mcp.Entity_Put":
    try: print(session.tool(name, {"id": 77})["logins"])
    except sandboxed.errors.SessionError as error: print(error.code)`;
      const { stdout, stderr } = stage.python(script, ["--grant", "tools=mcp.entities.Entity_Get"]);
      expect(stdout.trim().split("\n"), stderr).toEqual(["4711", "4711", "4711", "not_granted", "not_granted"]);
    }));
});
