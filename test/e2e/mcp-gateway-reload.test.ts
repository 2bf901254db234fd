import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { callText, GatewayProcess } from "../mcp/gateway-process.ts";
import { Upstream } from "../mcp/gateway-upstream.ts";
import { hello, LineClient } from "../mcp/line-client.ts";
import type { Message } from "../mcp/line-client.ts";
import { RequiringMachine } from "../stage/required.ts";
import { configure } from "./mcp-world.ts";

let machine: RequiringMachine;
beforeAll(() => {
  machine = new RequiringMachine();
});
beforeEach(() => machine.require("# nothing\n"));
afterAll(() => machine.remove());

const denying = (place: string): string => `[network]\ndenied_domains = ["${place}"]\n`;
const elsewhere = denying("paste.example");
const broken = '[network\ndenied_domains = "';
const other = '[mcp_server_allowlist.other]\nurl = "https://other.example/mcp"\n';

/** What became of requirements while the gateway was on, by its journal. */
function changes(): readonly unknown[] {
  const { records }: { records: readonly Record<string, unknown>[] } = JSON.parse(
    machine.stage.sandboxed(["audit", "show", "last", "--json"]).stdout,
  );
  return records.filter(({ kind }) => kind === "requirements.reloaded").map(({ effect }) => effect);
}

describe("sandboxed mcp gateway before a program, under requirements that change", () => {
  let server: Server;
  let port: number;
  /** What the program's tool has really told. */
  let heard: string[] = [];

  beforeAll(async () => {
    server = createServer((socket) => {
      socket.on("error", () => {}).on("data", (word) => heard.push(String(word)));
      socket.end("x");
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
    ({ port } = server.address() as AddressInfo);
  });
  beforeEach(() => {
    heard = [];
  });
  afterAll(() => server.close());

  const program = (): string => `
import json, socket, sys
def tell(word):
    try:
        with socket.create_connection(("127.0.0.1", ${port}), 2) as to:
            to.sendall(word.encode())
            return "told" if to.recv(1) == b"x" else "not told"
    except OSError: return "not told"
for line in sys.stdin:
    asked = json.loads(line); id, method, given = asked.get("id"), asked.get("method"), asked.get("params", {})
    def say(result): print(json.dumps({"jsonrpc": "2.0", "id": id, "result": result}), flush=True)
    if method == "initialize":
        say({"protocolVersion": given["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "teller", "version": "1"}})
    elif method == "tools/list": say({"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("tell", "wait")]})
    elif method == "tools/call" and given["name"] == "wait": tell("waits")
    elif method == "tools/call": say({"content": [{"type": "text", "text": tell(**given["arguments"])}]})
`;

  const python = "/usr/bin/python3";
  const allowing = (more = ""): string => `[mcp_server_allowlist.docs]
command = { executable = "${python}", args = [{ match = "exact", value = "${machine.stage.workspace}/teller.py" }] }
cwd = ":session"
${more}`;
  const rule = '[mcp_server_allowlist.docs.tools.tell.arguments]\nword = { prefix = "good" }\n';

  async function begun(before: string, words: readonly string[] = []): Promise<LineClient> {
    const { stage } = machine;
    stage.write("teller.py", program());
    machine.require(before);
    const gateway = [stage.tool("sandboxed"), "mcp", "gateway", "--name", "docs", ...words];
    const open = ["--allow-domain", `127.0.0.1:${port}`, "--", python, join(stage.workspace, "teller.py")];
    const client = new LineClient(stage.startPlain(process.execPath, [...gateway, ...open]));
    await client.ask(1, "initialize", hello);
    expect(textOf(await client.call(2, "tell", { word: "before" })), client.stderr).toBe("told");
    return client;
  }

  const textOf = ({ result, error }: Message): string => error?.message ?? result?.content?.[0]?.text ?? "";

  async function announced(client: LineClient, text: string | RegExp): Promise<void> {
    await expect.poll(() => client.stderr, { timeout: 2000, interval: 10 }).toMatch(new RegExp(text));
  }

  async function over(client: LineClient): Promise<void> {
    client.hangUp();
    expect(await client.gone, client.stderr).toBe(0);
  }

  it("takes from the program within a second what comes to be denied", async () => {
    const client = await begun("# nothing\n");
    machine.require(denying(`127.0.0.1:${port}`));
    await sleep(900);
    expect(textOf(await client.call(3, "tell", { word: "after" }))).toBe("not told");
    expect(heard).toEqual(["before"]);
    await announced(client, "the requirements changed: what they forbid now holds");
    await over(client);
    expect(changes()).toEqual(["narrowed"]);
    expect(machine.stage.sandboxed(["audit", "verify"]).status).toBe(0);
  });

  it.each([
    ["another host is denied", elsewhere, "what they forbid now holds", ["narrowed"]],
    ["they cannot be read", broken, "those of before stay in force, because .*requirements.toml:1", ["kept"]],
  ])("goes on when %s", async (_, after, said, effects) => {
    const client = await begun("# nothing\n");
    machine.require(after);
    await announced(client, `the requirements changed: ${said}`);
    expect(textOf(await client.call(3, "tell", { word: "after" }))).toBe("told");
    expect(heard).toEqual(["before", "after"]);
    await over(client);
    expect(changes()).toEqual(effects);
  });

  it("holds the next call to a rule on arguments that comes, and lets pass what keeps it", async () => {
    const client = await begun(allowing());
    machine.require(allowing(rule));
    await announced(client, "the requirements changed");
    const refused = textOf(await client.call(3, "tell", { word: "after" }));
    expect(refused).toMatch(/requirements\.toml:5: argument word of tell/);
    expect(textOf(await client.call(4, "tell", { word: "good" }))).toBe("told");
    expect(heard).toEqual(["before", "good"]);
    await over(client);
  });

  it.each([
    ["is taken off the list", allowing, () => other, /requirements\.toml:1\): no server docs is allowed/],
    [
      "is to be started in another way",
      () => "# nothing\n",
      allowing,
      /requirements\.toml:1\): it is to be started in/,
    ],
    [
      "has a folder that comes to be closed",
      () => "# nothing\n",
      () => `[permissions.filesystem]\ndeny_write = ["${machine.stage.outside}"]\n`,
      /could not start any more and is ended: .*outside/,
    ],
  ])("ends when the server %s, and says why", async (_, before, after, why) => {
    configure(
      machine.stage,
      `[permissions.kept]\nextends = ":isolated"\n[permissions.kept.filesystem]\n"${machine.stage.outside}" = "write"\n`,
    );
    const client = await begun(before(), ["-P", "kept"]);
    const waiting = client.call(3, "wait");
    await expect.poll(() => heard, { timeout: 2000, interval: 10 }).toEqual(["before", "waits"]);
    machine.require(after());
    expect((await waiting).error?.message).toMatch(why);
    expect(await client.gone).toBe(1);
    expect(client.stderr).toMatch(why);
    expect(heard).toEqual(["before", "waits"]);
    expect(changes()).toEqual(["ended"]);
  });
});

describe("sandboxed mcp gateway before an address, under requirements that change", () => {
  let upstream: Upstream;
  let gateway: GatewayProcess | null = null;
  beforeEach(async () => {
    configure(machine.stage, "");
    upstream = await new Upstream().listen();
  });
  afterEach(async () => {
    await gateway?.stop();
    gateway = null;
    await upstream.close();
  });

  const allowing = (more = ""): string => `[mcp_server_allowlist.hub]\nurl = "${upstream.url}"\n${more}`;
  const rule = '[mcp_server_allowlist.hub.tools.read.arguments]\npath = { prefix = "/srv/" }\n';

  /** With a call that has been answered, and one that is open. */
  async function begun(before: string, open: "endless" | "silent"): Promise<[GatewayProcess, Promise<unknown>]> {
    machine.require(before);
    gateway = await GatewayProcess.start(machine.stage, ["--name", "hub", "--upstream", upstream.url]);
    expect((await gateway.call("read")).text).toContain('"text":"read"');
    const asked = gateway.call(open).catch((error: unknown) => error);
    await expect.poll(() => upstream.called, { interval: 10 }).toEqual(["read", open]);
    return [gateway, asked];
  }

  async function announced({ said }: GatewayProcess, text: string | RegExp): Promise<void> {
    await expect.poll(() => said.join("\n"), { timeout: 2000, interval: 10 }).toMatch(new RegExp(text));
  }

  it("cuts open answers when it comes to be denied, and asks it nothing more", async () => {
    const [to, open] = await begun("# nothing\n", "endless");
    machine.require(denying(new URL(upstream.url).host));
    await announced(to, /the requirements changed: MCP server hub may not be reached any more: .*requirements\.toml:2/);
    await open;
    expect(upstream.left).toBe(1);
    const { status, text } = await to.call("read");
    expect([status, text]).toEqual([502, expect.stringMatching(/may not be reached any more: .*requirements\.toml:2/)]);
    expect(upstream.called).toEqual(["read", "endless"]);
    expect(await to.stop()).toBe(0);
    expect(changes()).toEqual(["narrowed"]);
  });

  it.each([
    ["another host is denied", () => elsewhere, "what they forbid now holds"],
    ["they cannot be read", () => broken, "those of before stay in force, because .*requirements.toml:1"],
    ["a list comes that it is on", allowing, "what they forbid now holds"],
  ])("goes on when %s", async (_, after, said) => {
    const [to] = await begun("# nothing\n", "endless");
    machine.require(after());
    await announced(to, `the requirements changed: ${said}`);
    expect((await to.call("read")).text).toContain('"text":"read"');
    expect([upstream.called, upstream.left]).toEqual([["read", "endless", "read"], 0]);
  });

  it("holds the next call to a rule on arguments that comes, and lets pass what keeps it", async () => {
    const [to] = await begun("# nothing\n", "endless");
    machine.require(allowing(rule));
    await announced(to, "the requirements changed");
    expect((await to.call("read", { path: "/etc" })).text).toMatch(/requirements\.toml:4: argument path of read/);
    expect((await to.call("read", { path: "/srv/a" })).text).toContain('"text":"read"');
    expect(upstream.called).toEqual(["read", "endless", "read"]);
  });

  it("ends when it is taken off the list, and tells why to whoever waits", async () => {
    const [to, open] = await begun(allowing(), "silent");
    machine.require(other);
    expect(await open).toMatchObject({
      status: 502,
      text: expect.stringMatching(/requirements\.toml:1\): no server hub/),
    });
    await announced(to, /"code":"mcp_disabled".*requirements\.toml:1\): no server hub is allowed/);
    await expect(to.ask(callText("read"))).rejects.toThrow("ECONNREFUSED");
    expect(await to.gone).toBe(1);
    expect([upstream.called, upstream.left]).toEqual([["read", "silent"], 1]);
    expect(changes()).toEqual(["ended"]);
  });
});
