import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { listen } from "../mcp/http-servers.ts";
import type { Listening } from "../mcp/http-servers.ts";
import { RequiringMachine } from "../stage/required.ts";
import { configure } from "./mcp-world.ts";
import { aSecond } from "../stage/a-second.ts";

let machine: RequiringMachine;
beforeAll(() => {
  machine = new RequiringMachine();
});
afterEach(() => machine.require(null));
afterAll(() => machine.remove());

const elsewhere = '[network]\ndenied_domains = ["paste.example"]\n';
const denying = (port: number): string => `[network]\ndenied_domains = ["127.0.0.1:${port}"]\n`;

interface Ended {
  readonly shown: readonly string[];
  readonly said: string;
}

/** A script that uses a server; once `ready`, requirements become `text`. */
async function during(script: string, ready: () => boolean, text: string): Promise<Ended> {
  const { stage } = machine;
  stage.write(
    "main.py",
    `import sandboxed
session = sandboxed.connect()
def call(name, **given):
    try: return session.tool("mcp.docs." + name, given)
    except sandboxed.SessionError as error:
        return error.code + " " + str(error)
${script}`,
  );
  machine.require("# nothing\n");
  const child = stage.start(["--grant", "tools=mcp.*", "main.py"]);
  let shown = "";
  let said = "";
  child.stdout?.on("data", (chunk) => (shown += String(chunk)));
  child.stderr?.on("data", (chunk) => (said += String(chunk)));
  const ended = once(child, "close");
  await expect.poll(ready, { timeout: 10_000, interval: 10 }).toBe(true);
  machine.require(text);
  await ended;
  return { shown: shown.trim().split("\n"), said };
}

/** A server over standard streams whose tools keep a connection, write a file, and end it. */
const keeper = (port: number): string => `
import json, os, socket, sys, time
def keep(seconds):
    said, kept, end = [], None, time.time() + seconds
    while time.time() < end:
        try:
            if kept is None:
                fresh = socket.create_connection(("127.0.0.1", ${port}), 1); fresh.settimeout(1); fresh.send(b"x")
                if fresh.recv(1) != b"x": raise OSError
                kept = fresh; said.append("up")
            kept.send(b"x")
            if kept.recv(1) != b"x": raise OSError
            time.sleep(0.02)
        except OSError:
            said.append("no" if kept is None else "cut"); kept = None; time.sleep(0.1)
    return " ".join(word for at, word in enumerate(said) if said[at - 1:at] != [word])
def write(path):
    try: open(path, "a").write("x"); return "written"
    except OSError: return "not written"
for line in sys.stdin:
    asked = json.loads(line); id, method, given = asked.get("id"), asked.get("method"), asked.get("params", {})
    def say(result): print(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}), flush=True)
    if method == "initialize":
        say({"protocolVersion": given["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "keeper", "version": "1"}})
    elif method == "tools/list":
        say({"tools": [{"name": name, "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": True}} for name in ("keep", "write", "leave")]})
    elif method == "tools/call":
        if given["name"] == "leave": os._exit(1)
        act = {"keep": keep, "write": write}[given["name"]]
        say({"content": [{"type": "text", "text": act(**given["arguments"])}]})
`;

describe("the program of an MCP server, under requirements that change", () => {
  let server: Server;
  let port: number;
  let bytes = 0;
  /** When its last connection was lost. */
  let lost = 0;
  const sockets = new Set<Socket>();

  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("data", ({ length }) => (bytes += length));
      socket.on("close", () => (lost = performance.now()));
      socket.pipe(socket);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    ({ port } = server.address() as AddressInfo);
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  function entry(lines = ""): void {
    const { stage } = machine;
    stage.write("keeper.py", keeper(port));
    const args = JSON.stringify([join(stage.workspace, "keeper.py")]);
    configure(stage, `[mcp_servers.docs]\ncommand = "python3"\nargs = ${args}\n${lines}`);
  }

  const ready = (): (() => boolean) => {
    const before = bytes;
    return () => bytes > before + 1;
  };

  // Its program that ends and is started anew gets no more than the one of before.
  const script = `
print(call("keep", seconds=1.5), flush=True)
call("leave")
print(call("keep", seconds=0.5), flush=True)
`;

  it("loses at once what comes to be denied, and goes on; nor does it reach that when it is started anew", async () => {
    entry(`allowed_domains = ["127.0.0.1:${port}"]\n`);
    let changed = 0;
    const isReady = ready();
    const began = (): boolean => {
      if (isReady()) changed = performance.now();
      return changed > 0;
    };
    const { shown, said } = await during(script, began, denying(port));
    expect(shown, said).toEqual(["up cut no", "no"]);
    expect(lost - changed).toBeLessThan(aSecond);
  });

  it("keeps what stays allowed", async () => {
    entry(`allowed_domains = ["127.0.0.1:${port}"]\n`);
    const { shown, said } = await during(script, ready(), elsewhere);
    expect(shown, said).toEqual(["up", "up"]);
  });

  it.each([
    ["is ended when it may write what comes to be forbidden", "kept", /^(tool_failed|policy_denied) /, "not written"],
    ["goes on when that is another folder", "other", /^up$/, "written"],
  ])("%s", async (_, name, first, then) => {
    const { stage } = machine;
    const kept = join(stage.outside, "kept");
    stage.write(join(kept, "old"), "");
    stage.write(join(stage.outside, "other/old"), "");
    const lines = `permissions = "kept"\nallowed_domains = ["127.0.0.1:${port}"]\n`;
    entry(`${lines}\n[permissions.kept]\nextends = ":isolated"\n[permissions.kept.filesystem]\n"${kept}" = "write"\n`);
    const calls = `
print(call("keep", seconds=1.5), flush=True)
print(call("write", path="${kept}/new"), flush=True)
`;
    const text = `[permissions.filesystem]\ndeny_write = ["${join(stage.outside, name)}"]\n`;
    const { shown, said } = await during(calls, ready(), text);
    expect(shown, said).toEqual([expect.stringMatching(first), then]);
    expect(said.includes("MCP server docs could not start any more and is ended")).toBe(name === "kept");
  });
});

describe("an MCP server at an address, under requirements that change", () => {
  let hub: Listening;
  /** What it was asked, and what it has heard of its open answer. */
  let asked: string[] = [];
  let finish: ((how: "answer" | "gone") => void) | null = null;

  beforeAll(async () => {
    hub = await listen(async (request) => {
      if (request.method !== "POST") return new Response(null, { status: 405 });
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the tool under test sends
      const { id, method, params } = (await request.json()) as {
        id?: number;
        method: string;
        params: { name?: string };
      };
      asked.push(params?.name ?? method);
      const json = (result: object): Response => Response.json({ jsonrpc: "2.0", id, result });
      if (method === "initialize") {
        const about = {
          protocolVersion: "2025-06-18",
          capabilities: { tools: {} },
          serverInfo: { name: "hub", version: "1" },
        };
        return json(about);
      }
      const tool = (name: string): object => ({
        name,
        inputSchema: { type: "object" },
        annotations: { readOnlyHint: true },
      });
      if (method === "tools/list") return json({ tools: [tool("slow"), tool("quick")] });
      if (method !== "tools/call") return new Response(null, { status: 202 });
      if (params.name === "quick") return json({ content: [{ type: "text", text: "answered" }] });
      return slow(id);
    });
  });
  afterAll(() => hub.close());

  /** Answers as a stream, when it is let. */
  function slow(id: number | undefined): Response {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const say = (text: string): void => controller.enqueue(Buffer.from(text));
        say(": here\n\n");
        finish = () => {
          const result = { content: [{ type: "text", text: "answered late" }] };
          say(`data: ${JSON.stringify({ jsonrpc: "2.0", id, result })}\n\n`);
          controller.close();
        };
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }

  const script = `
print(call("slow"), flush=True)
print(call("quick"), flush=True)
`;

  it("has its open answers cut when it comes to be denied, and is asked nothing more", async () => {
    asked = [];
    configure(machine.stage, `[mcp_servers.docs]\nurl = "${hub.url}"\n`);
    const { shown, said } = await during(script, () => asked.includes("slow"), denying(hub.port));
    const refused = /^(policy_denied|tool_failed) MCP server docs: .*127\.0\.0\.1:\d+ is not allowed/;
    expect(shown, said).toEqual([expect.stringMatching(refused), expect.stringMatching(refused)]);
    expect(asked.slice(asked.indexOf("slow"))).toEqual(["slow"]);
    expect(said).toMatch(
      /the requirements changed: MCP server docs may not be reached any more: .*requirements\.toml:2/,
    );
  });

  it("answers as before when another is denied", async () => {
    asked = [];
    configure(machine.stage, `[mcp_servers.docs]\nurl = "${hub.url}"\n`);
    const began = (): boolean => asked.includes("slow");
    const late = setInterval(() => {
      if (!began()) return;
      clearInterval(late);
      setTimeout(() => finish?.("answer"), 900);
    }, 20);
    const { shown, said } = await during(script, began, elsewhere);
    expect(shown, said).toEqual(["answered late", "answered"]);
    expect(said).not.toContain("docs");
  });
});
