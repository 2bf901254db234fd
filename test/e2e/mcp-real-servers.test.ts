import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { configure } from "./mcp-world.ts";

const modules = new URL("../../node_modules", import.meta.url).pathname;
const program = (name: string): string => `${modules}/@modelcontextprotocol/server-${name}/dist/index.js`;

const profile = `[permissions.servers]\nextends = ":isolated"\n[permissions.servers.filesystem]\n"${modules}" = "read"\n`;

function entry(name: string, args: readonly string[], lines = ""): string {
  const words = JSON.stringify([program(name), ...args]);
  return `[mcp_servers.${name}]\ncommand = "node"\nargs = ${words}\npermissions = "servers"\nrequired = true\ndefault_tools_approval_mode = "approve"\n${lines}\n`;
}

/** Calls tools by name, one after the other, and prints what came of each. */
const caller = `
import json, sandboxed, sys
session = sandboxed.connect()
for name, given in json.loads(sys.argv[1]):
    try: print(json.dumps(session.tool(name, given)))
    except sandboxed.errors.SessionError as error: print(json.dumps({"refused": error.code}))
`;

type Call = readonly [name: string, given: object];

function callFromScript(stage: Stage, grants: string, calls: readonly Call[]): readonly string[] {
  const words = ["--grant", grants, "--", "python3", "-c", caller, JSON.stringify(calls)];
  const { status, stdout, stderr } = stage.run(words);
  expect(status, stderr).toBe(0);
  return stdout.trim().split("\n");
}

describe.each(people.filter((person) => person !== "root-elsewhere"))("a script in a sandbox, as %s", (person) => {
  it("calls everything, filesystem and memory over standard streams, each in a sandbox", () =>
    onStage(person, (stage) => {
      const memory = `env = { MEMORY_FILE_PATH = "${stage.workspace}/memory.json" }`;
      configure(
        stage,
        profile + entry("everything", ["stdio"]) + entry("filesystem", ["/"]) + entry("memory", [], memory),
      );
      const entities = [{ name: "moon", entityType: "body", observations: ["round"] }];
      const read = (path: string): Call => ["mcp.filesystem.read_text_file", { path }];
      const key = join(stage.home, ".ssh/id_ed25519");
      const [echo, page, secret, outside, made, graph, ungranted] = callFromScript(
        stage,
        "tools=mcp.everything.echo,mcp.filesystem.read_text_file,mcp.memory.*",
        [
          ["mcp.everything.echo", { message: "hi" }],
          read(join(stage.workspace, "README.md")),
          // The server itself would read these.
          read(key),
          read(join(stage.outside, "victim")),
          ["mcp.memory.create_entities", { entities }],
          ["mcp.memory.read_graph", {}],
          ["mcp.filesystem.write_file", { path: join(stage.workspace, "made"), content: "no" }],
        ],
      );
      expect(echo).toContain("Echo: hi");
      expect(page).toContain("# project");
      expect(`${secret}${outside}`).not.toMatch(/PRIVATE KEY|untouched/);
      expect(made).not.toContain("refused");
      expect(graph).toContain("moon");
      expect(stage.read("memory.json")).toContain("moon");
      expect(ungranted).toContain("not_granted");
      expect(stage.read("made")).toBeNull();
    }));

  it("calls everything over streamable HTTP, which runs in a sandbox of its own", () =>
    onStage(person, async (stage) => {
      const port = await freePort();
      const inside = 3001;
      const words = ["-r", modules, "-e", `PORT=${inside}`, "--publish", `${port}:${inside}`];
      const server = stage.start([...words, "--", "node", program("everything"), "streamableHttp"]);
      let said = "";
      const gone = once(server, "exit");
      server.stderr?.on("data", (text) => (said += String(text)));
      await expect.poll(() => said, { timeout: 15_000 }).toContain("listening");
      const hub = `[mcp_servers.hub]\nurl = "http://127.0.0.1:${port}/mcp"\nrequired = true\ndefault_tools_approval_mode = "approve"\n`;
      configure(stage, hub);
      const [echo, sum, ungranted] = callFromScript(stage, "tools=mcp.hub.echo,mcp.hub.get-sum", [
        ["mcp.hub.echo", { message: "hi" }],
        ["mcp.hub.get-sum", { a: 2, b: 40 }],
        ["mcp.hub.get-env", {}],
      ]);
      expect(echo).toContain("Echo: hi");
      expect(sum).toContain("42");
      expect(ungranted).toContain("not_granted");
      server.kill("SIGTERM");
      await gone;
    }));
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
