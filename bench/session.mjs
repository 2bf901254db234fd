// What a call on the session's channel costs its program: one at a time (p50, p99) and pipelined, with and without a
// journal. Goals: a tool of this process in 150 µs, 15,000 calls a second, and a journal costs no more than a fifth.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { places } from "./places.mjs";

const TURNS = 24;
/** A turn. */
const ALONE = 250;
const PIPELINED = 6000;

if (process.argv[2] === "client") await client(Number(process.argv[3]), process.argv[4]);
else await server();

async function server() {
  const folder = mkdtempSync(join(tmpdir(), "bench-session-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const bundle = join(folder, "session.cjs");
  const source = join(import.meta.dirname, "../src");
  buildSync({
    stdin: {
      contents: `export { openRunChannel, localTools } from "${source}/session/index.ts";
        export { openSession } from "${source}/audit/index.ts";
        export { builtinProfile, resolve } from "${source}/policy/index.ts";`,
      resolveDir: source,
    },
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external: ["zod"],
    define: { "import.meta.dirname": JSON.stringify(join(source, "policy")), "import.meta.filename": '""' },
    logOverride: { "empty-import-meta": "silent" },
    outfile: bundle,
  });
  const parts = createRequire(import.meta.url)(bundle);
  const kinds = [await opened(parts, null, folder), await opened(parts, folder, folder)];
  const seen = kinds.map(() => ({ ping: [], tool: [], rate: [], cost: [] }));
  // Turn by turn: what else goes on on the machine meets both alike. The first turn warms up.
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const at of turn % 2 === 0 ? [0, 1] : [1, 0]) {
      const before = process.cpuUsage();
      const { ping, tool, rate } = await kinds[at].turn();
      const { user, system } = process.cpuUsage(before);
      if (turn === 0) continue;
      seen[at].ping.push(...ping);
      seen[at].tool.push(...tool);
      seen[at].rate.push(rate);
      seen[at].cost.push((user + system) / (PIPELINED + 2 * ALONE));
    }
  }
  for (const kind of kinds) kind.close();
  const [without, kept] = seen.map(({ ping, tool, rate, cost }) => ({
    ping: quantiles(ping),
    tool: quantiles(tool),
    rate: quantiles(rate).p50,
    cost: quantiles(cost).p50,
  }));
  for (const [name, { ping, tool, rate, cost }] of Object.entries({ "no journal": without, journal: kept })) {
    console.log(
      `${name.padEnd(10)}  ping ${us(ping)}  tool ${us(tool)}  pipelined ${Math.round(rate).toLocaleString("en")} calls/s, ${cost.toFixed(1)} µs of its CPU a call`,
    );
  }
  console.log(`tool p50, journal / none: ×${(kept.tool.p50 / without.tool.p50).toFixed(2)} (goal ×1.2)`);
  // Each turn against its neighbour: what else goes on on the machine changes from one to the next.
  const slower = quantiles(seen[0].rate.map((rate, turn) => rate / seen[1].rate[turn])).p50;
  console.log(`calls/s, none / journal: ×${slower.toFixed(2)} (goal ×1.2)`);
  console.log(
    `tool p50 with a journal: ${kept.tool.p50.toFixed(0)} µs (goal 150); ${Math.round(kept.rate)}/s (goal 15,000)`,
  );
}

async function opened({ openRunChannel, localTools, openSession, builtinProfile, resolve }, folder, root) {
  const resolved = resolve(
    { layers: [{ layer: "api", profile: builtinProfile(":isolated") }] },
    places("/home/u", root),
  );
  const journal =
    folder === null
      ? null
      : openSession({ ephemeral: false, argv: ["x"], cwd: "/", version: "0", environment: new Map([["HOME", folder]]) })
          .journal;
  const channel = await openRunChannel({
    id: "bench",
    resolved,
    doorPort: null,
    grants: ["tools=*"],
    tools: [localTools([{ name: "add", run: ({ a, b }) => a + b }])],
    state: null,
  });
  channel.companion.begin({
    record: (event, durability) => journal?.append(event, durability),
    cancel: () => {},
  });
  const { SANDBOXED_CHANNEL: address, SANDBOXED_TOKEN: token } = Object.fromEntries(channel.environment);
  const child = fork(import.meta.filename, ["client", address.split(":").at(-1), token]);
  return {
    async turn() {
      child.send("turn");
      const [result] = await once(child, "message");
      return result;
    },
    close() {
      child.disconnect();
      channel.companion.end();
      journal?.close();
    },
  };
}

async function client(port, token) {
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
  const call = (method, params = {}) =>
    new Promise((resolve) => {
      waiting.set(++last, resolve);
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: last, method, params })}\n`);
    });
  const add = () => call("session.tool", { name: "add", arguments: { a: 1, b: 2 } });
  await call("session.hello", { token });
  process.on("disconnect", () => socket.destroy());
  process.on("message", async () => {
    const ping = await alone(() => call("session.ping"));
    const tool = await alone(add);
    const began = performance.now();
    for (let done = 0; done < PIPELINED; done += 200) await Promise.all(Array.from({ length: 200 }, add));
    process.send({ ping, tool, rate: PIPELINED / ((performance.now() - began) / 1000) });
  });
}

async function alone(act) {
  const times = [];
  for (let i = 0; i < ALONE; i++) {
    const began = performance.now();
    await act();
    times.push((performance.now() - began) * 1000);
  }
  return times;
}

function quantiles(times) {
  const sorted = times.toSorted((one, other) => one - other);
  return { p50: sorted[sorted.length >> 1], p99: sorted[Math.floor(sorted.length * 0.99)] };
}

function us({ p50, p99 }) {
  return `p50 ${p50.toFixed(0)} µs, p99 ${p99.toFixed(0)} µs`;
}
