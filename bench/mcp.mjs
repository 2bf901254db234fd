// What a tool of a local MCP server costs a program that calls it through its session, beside the SDK's own client calling
// the same server: one process asks both in turn, one call at a time. Goal: no more than 300 µs between the medians.
//
//     node scripts/build.mjs && node bench/mcp.mjs
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { places } from "./places.mjs";

const ROUNDS = 2000;
const WARM_UP = 500;
const modules = join(import.meta.dirname, "../node_modules");
const everything = [join(modules, "@modelcontextprotocol/server-everything/dist/index.js"), "stdio"];

if (process.argv[2] === "client") await client(Number(process.argv[3]), process.argv[4]);
else await host();

async function host() {
  const home = mkdtempSync(join(tmpdir(), "bench-mcp-"));
  try {
    await measure(home);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

async function measure(home) {
  const part = (name) => import(`../dist/${name}/index.js`);
  const [config, gate, mcp, audit, session, policy] = await Promise.all(
    ["config", "gate", "mcp", "audit", "session", "policy"].map(part),
  );
  const none = join(home, "none.toml");
  const environment = new Map(Object.entries({ ...process.env, HOME: home }));
  mkdirSync(join(home, ".config/sandboxed"), { recursive: true });
  writeFileSync(
    join(home, ".config/sandboxed/config.toml"),
    `[permissions.servers]
extends = ":isolated"
[permissions.servers.filesystem]
"${modules}" = "read"
[mcp_servers.everything]
command = "${process.execPath}"
args = ${JSON.stringify(everything)}
permissions = "servers"
tools.echo.approval_mode = "approve"
`,
  );
  const loaded = await gate.loadGated({
    requirementsFile: null,
    systemRequirements: none,
    environment,
    home,
    cwd: home,
    workspace: home,
    flags: config.noFlags,
    systemFile: none,
  });
  const kept = (argv) => audit.openSession({ ephemeral: false, argv, cwd: home, version: "bench", environment });
  const servers = new mcp.McpServers({
    servers: loaded.mcpServers.values(),
    pins: mcp.pinsIn(join(home, ".local/state/sandboxed")),
    grace: 20_000,
    surroundings: {
      policy: loaded.policy,
      managed: loaded.managed,
      definitions: loaded.definitions,
      environment,
      cwd: home,
      allowlist: null,
      openSession: (server) => {
        const { id, journal } = kept(["mcp", server]);
        return { id, openJournal: () => journal };
      },
    },
  });
  const channel = await session.openRunChannel({
    id: "bench",
    resolved: policy.resolve(
      { layers: [{ layer: "api", profile: policy.builtinProfile(":isolated") }] },
      places(home, home),
    ),
    doorPort: null,
    grants: ["tools=mcp.*"],
    tools: [mcp.sessionTools(servers, null)],
    state: null,
  });
  const { journal } = kept(["bench"]);
  channel.companion.begin({ record: (event, durability) => journal.append(event, durability), cancel: () => {} });
  const given = Object.fromEntries(channel.environment);
  const child = fork(import.meta.filename, [
    "client",
    given.SANDBOXED_CHANNEL.split(":").at(-1),
    given.SANDBOXED_TOKEN,
  ]);
  const [{ ours, theirs }] = await once(child, "message");
  channel.companion.end();
  await servers.close();
  journal.close();
  const added = ours.p50 - theirs.p50;
  console.log(`session.tool       p50 ${us(ours.p50)}, p99 ${us(ours.p99)}`);
  console.log(`SDK's own client   p50 ${us(theirs.p50)}, p99 ${us(theirs.p99)}`);
  console.log(`added at p50       ${us(added)} (goal 300 µs)`);
}

async function client(port, token) {
  const call = channelCalls(port);
  await call("session.hello", { token });
  const direct = new Client({ name: "bench", version: "0" });
  await direct.connect(new StdioClientTransport({ command: process.execPath, args: everything, stderr: "ignore" }));
  const echo = { name: "echo", arguments: { message: "hi" } };
  const acts = {
    ours: async () => textOf(await call("session.tool", { ...echo, name: "mcp.everything.echo" })),
    theirs: async () => textOf(await direct.callTool(echo)),
  };
  const times = { ours: [], theirs: [] };
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    for (const [name, act] of Object.entries(acts)) {
      const began = performance.now();
      const text = await act();
      if (text !== "Echo: hi") throw new Error(`${name} answered ${text}`);
      if (round >= 0) times[name].push((performance.now() - began) * 1000);
    }
  }
  process.send({ ours: spread(times.ours), theirs: spread(times.theirs) });
  await direct.close();
  process.exit(0);
}

function textOf({ content }) {
  return content[0]?.text;
}

function channelCalls(port) {
  const socket = connect({ host: "127.0.0.1", port, noDelay: true });
  const waiting = new Map();
  let rest = "";
  let last = 0;
  socket.setEncoding("utf8").on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const { id, result, error } = JSON.parse(line);
      if (error) throw new Error(error.message);
      waiting.get(id)(result);
      waiting.delete(id);
    }
  });
  return (method, params) =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: last, method, params })}\n`);
    });
}

function spread(list) {
  const sorted = list.toSorted((one, other) => one - other);
  return { p50: sorted[sorted.length >> 1], p99: sorted[Math.floor(sorted.length * 0.99)] };
}

function us(time) {
  return `${time.toFixed(0)} µs`;
}
