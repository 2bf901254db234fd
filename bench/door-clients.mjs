// What the door costs the programs people use: 300 requests each by curl, Python and Node, a new connection for
// every one, through a plain Node proxy outside a sandbox, through the door, and past it. Milliseconds a request, as the
// programs measure themselves, so that no start is counted.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment, median } from "./interleave.mjs";

const REQUESTS = 300;
const ROUNDS = 5;
const root = new URL("..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "sandboxed-bench-"));

const server = createServer((_, response) => response.setHeader("Connection", "close").end("x".repeat(1000)));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const PROXY = `
const { createServer, request: ask } = require("node:http");
createServer((request, response) => {
  const onward = ask(request.url, { method: request.method, headers: request.headers, agent: false }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  request.pipe(onward);
}).listen(0, "127.0.0.1", function () { console.log(this.address().port); });`;
/** A process of its own, and a new one every time, as the door is: neither has run warm before. */
async function startProxy() {
  const proxy = spawn(process.execPath, ["-e", PROXY], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((said) => proxy.stdout.once("data", said));
  return { proxy, variables: { http_proxy: `http://127.0.0.1:${Number(port)}` } };
}
const url = `http://127.0.0.1:${server.address().port}/`;

/** Each prints milliseconds a request, and takes the proxy from `http_proxy` if that is set. */
const clients = {
  curl: `curl -sS -H 'Connection: close' --noproxy '' -o /dev/null -w '%{time_total}\\n' '${url}?[1-${REQUESTS}]' | awk '{ t += $1 } END { print 1000 * t / NR }'`,
  python: `python3 -c '
import os, time, urllib.request as u
proxy = os.environ.get("http_proxy")
opener = u.build_opener(u.ProxyHandler({"http": proxy} if proxy else {}))
opener.open("${url}").read()
began = time.time()
for n in range(${REQUESTS}): opener.open("${url}").read()
print(1000 * (time.time() - began) / ${REQUESTS})'`,
  node: `node -e '
const http = require("http"), proxy = process.env.http_proxy && new URL(process.env.http_proxy);
const one = () => new Promise((done) => http.get(proxy ? { host: proxy.hostname, port: proxy.port, path: "${url}", headers: { Host: "${new URL(url).host}" }, agent: false } : { host: "127.0.0.1", port: ${server.address().port}, agent: false }, (r) => r.resume().on("end", done)));
(async () => { await one(); const began = performance.now(); for (let n = 0; n < ${REQUESTS}; n++) await one(); console.log((performance.now() - began) / ${REQUESTS}); })()'`,
};

const sandbox = [process.execPath, join(root, "dist/bin/sandboxed-run.cjs"), "-q", "--host-port"];
const inside = [...sandbox, String(server.address().port), "--"];
const ways = {
  "plain proxy": null,
  door: inside,
  "past the proxy": [...inside, "env", "-u", "http_proxy", "-u", "HTTP_PROXY", "-u", "ALL_PROXY"],
};

try {
  for (const [client, script] of Object.entries(clients)) {
    const times = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [way, words] of Object.entries(ways)) times[way].push(await timeOf(words, script));
    console.log(`${client}: new connection and request`);
    for (const [way, list] of Object.entries(times)) console.log(`  ${way.padEnd(16)} ${median(list).toFixed(3)} ms`);
    for (const way of ["door", "past the proxy"]) {
      const ratio = median(times[way].map((time, round) => time / times["plain proxy"][round]));
      console.log(`  ${`${way} : plain proxy`.padEnd(28)} ×${ratio.toFixed(2)}   (goal ≤ 1.1)`);
    }
  }
} finally {
  server.close();
  rmSync(folder, { recursive: true, force: true });
}

async function timeOf(words, script) {
  if (words !== null) return measured([...words, "sh", "-c", script], environment);
  const { proxy, variables } = await startProxy();
  try {
    return await measured(["sh", "-c", script], { ...environment, ...variables });
  } finally {
    proxy.kill();
  }
}

/** Not by a synchronous call: the servers answer in this process. */
function measured([command, ...words], env) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.once("close", (status) => {
      const time = Number(text);
      if (status === 0 && time > 0) resolve(time);
      else reject(new Error(`${command} ended with ${status}: ${text}`));
    });
  });
}
