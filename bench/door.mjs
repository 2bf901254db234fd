// The door against a plain loopback proxy on node:http, by turns: new connection + request, kept connection, bulk.
// Processor time of the proxies' own processes besides: what other programs on the machine do does not show in it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { environment, interleave, median, print, ratio } from "./interleave.mjs";

const rounds = Number(process.argv[2] ?? 15);
const folder = mkdtempSync(join(tmpdir(), "sandboxed-bench-"));
const bundle = join(folder, "door.mjs");
const source = (name) => JSON.stringify(new URL(`../src/network/${name}.ts`, import.meta.url).pathname);
await build({
  stdin: {
    contents: `export * from ${source("door/door")}; export { targetOf } from ${source("names/authority")};`,
    resolveDir: folder,
  },
  bundle: true,
  platform: "node",
  format: "esm",
  outfile: bundle,
  banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
});

const children = [];
try {
  const {
    ports: [raw, web],
  } = await start("origin", 2);
  const proxies = { plain: await start("plain", 1), door: await start("door", 1) };
  const spent = { plain: [], door: [] };
  const metered = (name, act) => async () => {
    const {
      ports: [port],
      processorTime,
    } = proxies[name];
    const before = await processorTime();
    await act(port);
    spent[name].push((await processorTime()) - before);
  };
  const both = (act) => ({ plain: metered("plain", act), door: metered("door", act) });
  const request = (path) => `GET http://127.0.0.1:${web}/${path} HTTP/1.1\r\nHost: 127.0.0.1:${web}\r\n`;

  for (const [title, acts, goal] of [
    ["200 new connections with a request each", both((port) => fresh(port, 200)), "≤ 1.1"],
    ["1,000 requests on a kept connection", both((port) => kept(port, 1000)), "≤ 1.1"],
    [
      "2,000 requests on 32 kept connections",
      both((port) => Promise.all(Array.from({ length: 32 }, () => kept(port, 63)))),
      "≤ 1.1",
    ],
    ["256 MiB through CONNECT", both((port) => bulk(port, 2 ** 28)), "≤ 1.11"],
    ["256 MiB in one answer", both((port) => answer(port, 2 ** 28)), "≤ 1.11"],
  ]) {
    spent.plain.length = 0;
    spent.door.length = 0;
    const results = await interleave(acts, { rounds });
    const ratios = spent.door.map((time, round) => time / spent.plain[round]);
    print(title, results, [
      ["door : plain", ratio(results, "door", "plain"), goal],
      ["door : plain, processor time", median(ratios)],
    ]);
  }

  async function fresh(port, count) {
    for (let index = 0; index < count; index += 1) await answer(port, 100);
  }

  function answer(port, size) {
    return exchange(port, `${request(size)}Connection: close\r\n\r\n`, size);
  }

  function bulk(port, size) {
    const head = `CONNECT 127.0.0.1:${raw} HTTP/1.1\r\nHost: 127.0.0.1:${raw}\r\n\r\n`;
    return exchange(port, `${head}${size}\n`, size);
  }

  function exchange(port, text, least) {
    return new Promise((resolve, reject) => {
      let received = 0;
      const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(text));
      socket.on("data", (chunk) => (received += chunk.length));
      socket.on("error", reject);
      socket.on("close", () =>
        received >= least ? resolve() : reject(new Error(`only ${received} of ${least} bytes`)),
      );
    });
  }

  function kept(port, count) {
    return new Promise((resolve, reject) => {
      const ask = `${request(100)}\r\n`;
      let left = count;
      let text = "";
      const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(ask));
      socket.on("error", reject);
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        const end = text.indexOf("\r\n\r\n");
        if (end === -1 || text.length < end + 4 + 100) return;
        if (!text.startsWith("HTTP/1.1 200")) reject(new Error(text));
        text = "";
        left -= 1;
        if (left > 0) return void socket.write(ask);
        socket.destroy();
        resolve();
      });
    });
  }
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}

/** Starts a process of the benchmark and waits for the ports it tells. `processorTime` in microseconds so far. */
async function start(role, ports) {
  const child = spawn(process.execPath, [new URL("door-proxy.mjs", import.meta.url).pathname, role, bundle], {
    env: environment,
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  });
  children.push(child);
  let text = "";
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.split("\n").length > ports) break;
  }
  const processorTime = async () => {
    const answer = once(child, "message");
    child.send("time");
    const [{ user, system }] = await answer;
    return user + system;
  };
  return { ports: text.trim().split("\n").map(Number), processorTime };
}
