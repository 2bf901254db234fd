// The door with much to decide and many to serve, each door in a process of its own behind a real policy.
// 1. Requests by 10 rules and by 10,000, by turns.
// 2. A thousand tunnels that talk and five hundred clients that dribble, beside one that wants its answers: how long it
//    waits at most, what the door's memory grows by, and whether anybody's request is lost. Needs `ulimit -n` of 16,384.
// Needs the built library: npm run build, then node bench/door-scale.mjs
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { connect, createServer } from "node:net";
import { environment, interleave, print, ratio } from "./interleave.mjs";
import { places } from "./places.mjs";

const TUNNELS = 1000;
const SLOW = 500;
const REQUESTS = 300;
const ROUNDS = 9;
const MOST_WAITING = 1000;
const MOST_MEMORY = 200 * 2 ** 20;

if (process.argv[2] === "serve") await serve(Number(process.argv[3]));
else await measure();

async function serve(count) {
  const { absolutePath, applyPatch, builtinProfile, readProfile, resolve } = await import("../dist/policy/index.js");
  const { makeGate, openDoor, targetOf } = await import("../dist/network/index.js");
  const domains = {};
  const provenance = { layer: "user", file: null, line: null, column: null, owner: "you" };
  for (const port of process.argv.slice(4)) {
    domains[`**.good.bench:${port}`] = { access: "allow", resolve_to: ["127.0.0.0/8"] };
  }
  for (let index = 0; Object.keys(domains).length < count; index++) {
    const base = `team-${index % 97}.host-${index}.example`;
    const pattern = [base, `*.${base}`, `**.${base}:8443`, `10.${index >> 8}.${index & 255}.0/24`][index % 4];
    domains[pattern] = index % 5 === 0 ? "deny" : "allow";
  }
  const home = absolutePath("/home/u");
  const policy = resolve(
    {
      layers: [
        {
          layer: "user",
          profile: applyPatch(
            builtinProfile(":isolated"),
            readProfile("bench", { network: { mode: "restricted", domains } }, () => provenance),
          ),
        },
      ],
    },
    places(home, home),
  );
  const addresses = [{ address: "127.0.0.1", family: 4 }];
  const resolver = { lookup: () => Promise.resolve({ ok: true, addresses }), close: () => {} };
  const gate = makeGate({ policy, resolver });
  const server = createServer();
  openDoor({ gate, parseTarget: targetOf, observe: () => {} }).serve(server, "proxy");
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(server.address().port));
  process.on("message", () => {
    globalThis.gc();
    process.send(process.memoryUsage().rss);
  });
}

async function measure() {
  const web = createHttp((request, response) => response.end(request.url));
  web.keepAliveTimeout = 0;
  const echo = createServer((socket) => socket.on("error", () => {}).pipe(socket));
  const ports = await Promise.all([web, echo].map(listening));
  const children = [];
  try {
    const doors = {};
    for (const count of [10, 10_000]) doors[count] = await start(children, count, ports);
    await byRules(doors, ports[0]);
    await inACrowd(await start(children, 10, ports), ports);
  } finally {
    for (const child of children) child.kill();
    web.close();
    web.closeAllConnections();
    echo.close();
  }
}

async function byRules(doors, web) {
  const by = (act) =>
    Object.fromEntries(Object.entries(doors).map(([count, { port }]) => [`${count} rules`, () => act(port)]));
  for (const [title, act] of [
    ["200 new connections with a request each", (port) => each(200, (n) => exchange(port, asked(n, web, "close")))],
    ["1,000 requests on a kept connection", (port) => kept(port, 1000, web)],
  ]) {
    const results = await interleave(by(act), { rounds: ROUNDS });
    print(title, results, [["10,000 rules : 10 rules", ratio(results, "10000 rules", "10 rules"), "≤ 1.2"]]);
  }
}

async function inACrowd({ port, memory }, [web, echo]) {
  const before = await memory();
  const tunnels = [];
  await each(TUNNELS, async (n) => tunnels.push(await tunnel(port, n, echo)));
  const slow = [];
  const beginnings = [
    "GET http://a.good.bench/ HT",
    "\x05\x02",
    "\x05\x01\x00\x05\x01",
    "G",
    "POST http://a.good.bench/ HTTP/1.1\r\nX:",
  ];
  await each(SLOW, async (n) => {
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    await once(socket, "connect");
    socket.write(beginnings[n % beginnings.length]);
    slow.push(socket);
  });
  const dribble = setInterval(() => slow.forEach((socket) => !socket.destroyed && socket.write("x")), 200);
  const over = new AbortController();
  const talked = Promise.all(
    tunnels.map(async (say) => {
      let said = 0;
      while (!over.signal.aborted) {
        await say(`\0${said++}`.padEnd(64, "."));
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
      return said;
    }),
  );
  const waited = [];
  await each(REQUESTS, async (n) => {
    const began = performance.now();
    const text = await exchange(port, asked(n, web, "close"));
    if (text.endsWith(`/${n}`)) waited.push(performance.now() - began);
  });
  over.abort();
  const said = (await talked).reduce((sum, count) => sum + count, 0);
  const grown = (await memory()) - before;
  clearInterval(dribble);
  const longest = Math.max(...waited);
  console.log(`one client beside ${TUNNELS} tunnels and ${SLOW} slow clients`);
  console.log(`  answers                  ${waited.length} of ${REQUESTS}`);
  console.log(`  echoes of the tunnels    ${said}, none lost`);
  console.log(`  longest wait             ${longest.toFixed(0)} ms   (goal ≤ ${MOST_WAITING})`);
  console.log(`  the door's memory grew   ${(grown / 2 ** 20).toFixed(0)} MiB   (goal ≤ ${MOST_MEMORY / 2 ** 20})`);
  if (waited.length !== REQUESTS || longest > MOST_WAITING || grown > MOST_MEMORY) process.exitCode = 1;
}

/** Ten at a time. */
async function each(count, act) {
  for (let index = 0; index < count; index += 10) {
    await Promise.all(Array.from({ length: Math.min(10, count - index) }, (_, offset) => act(index + offset)));
  }
}

function asked(n, web, connection) {
  const host = `h${n % 50}.good.bench:${web}`;
  return `GET http://${host}/${n} HTTP/1.1\r\nHost: ${host}\r\nConnection: ${connection}\r\n\r\n`;
}

function exchange(port, text) {
  return new Promise((resolve, reject) => {
    let received = "";
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(text));
    socket.on("data", (chunk) => (received += chunk));
    socket.on("error", reject);
    socket.on("close", () => (received.startsWith("HTTP/1.1 200") ? resolve(received) : reject(new Error(received))));
  });
}

function kept(port, count, web) {
  return new Promise((resolve, reject) => {
    let left = count;
    let text = "";
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () =>
      socket.write(asked(left, web, "keep-alive")),
    );
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      text += chunk;
      if (!text.endsWith(`\r\n\r\n/${left}`)) return;
      if (!text.startsWith("HTTP/1.1 200")) reject(new Error(text));
      text = "";
      left -= 1;
      if (left > 0) return void socket.write(asked(left, web, "keep-alive"));
      socket.destroy();
      resolve();
    });
  });
}

/** A tunnel that stands; says something and waits for exactly that to come back. */
async function tunnel(port, n, echo) {
  const host = `h${n % 50}.good.bench:${echo}`;
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let received = "";
  let waiting = () => {};
  socket.on("data", (chunk) => {
    received += chunk;
    waiting();
  });
  const until = (wanted) =>
    new Promise((resolve, reject) => {
      waiting = () => received.includes(wanted) && resolve();
      socket.once("close", () => reject(new Error(`a tunnel ended, and never said ${JSON.stringify(wanted)}`)));
    });
  socket.on("error", () => {});
  socket.write(`CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await until("\r\n\r\n");
  socket.setMaxListeners(0);
  return (text) => {
    received = "";
    socket.write(text);
    return until(text);
  };
}

async function listening(server) {
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 });
  await once(server, "listening");
  return server.address().port;
}

/** A door in a process of its own; `memory` is what is resident of it once garbage is gone. */
async function start(children, count, ports) {
  const words = ["--expose-gc", new URL(import.meta.url).pathname, "serve", count, ...ports].map(String);
  const child = spawn(process.execPath, words, { env: environment, stdio: ["ignore", "pipe", "inherit", "ipc"] });
  children.push(child);
  const [port] = await once(child.stdout, "data");
  const memory = async () => {
    const answer = once(child, "message");
    child.send("memory");
    return (await answer)[0];
  };
  return { port: Number(port), memory };
}
