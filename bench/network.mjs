// Requests a second from inside a sandbox, through the proxy that its environment names: a new connection each, one
// client and then eight. Ours against sandbox-runtime where it was installed into bench/scratch.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { environment } from "./interleave.mjs";

const root = new URL("..", import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), "sandboxed-bench-"));
const server = createServer((_, response) => response.end("x".repeat(100)));
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const { port } = server.address();

/** Prints how many answers came in the time. */
const client = `
import os, socket, sys, threading, time
proxy = next(os.environ[n] for n in ("HTTP_PROXY", "http_proxy") if os.environ.get(n))
authority = proxy.split("//", 1)[1].rstrip("/")
credentials, _, authority = authority.rpartition("@")
host, number = authority.rsplit(":", 1)
import base64
proof = "Proxy-Authorization: Basic %s\\r\\n" % base64.b64encode(credentials.encode()).decode() if credentials else ""
ask = ("GET http://localhost:${port}/ HTTP/1.1\\r\\nHost: localhost:${port}\\r\\n%sConnection: close\\r\\n\\r\\n" % proof).encode()
count, end = [0] * int(sys.argv[1]), time.time() + 2
def work(at):
    while time.time() < end:
        s = socket.create_connection((host, int(number)))
        s.sendall(ask)
        text = b""
        while chunk := s.recv(65536):
            text += chunk
        s.close()
        if b" 200 " not in text[:20]:
            sys.exit("no answer: %r" % text[:200])
        count[at] += 1
threads = [threading.Thread(target=work, args=(n,)) for n in range(len(count))]
for t in threads: t.start()
for t in threads: t.join()
print(sum(count) / 2)
`;
writeFileSync(join(folder, "client.py"), client);
const settings = join(folder, "srt.json");
const network = { allowedDomains: ["localhost"], deniedDomains: [] };
writeFileSync(settings, JSON.stringify({ network, filesystem: { denyRead: [], allowWrite: ["."], denyWrite: [] } }));
writeFileSync(
  join(folder, "config.toml"),
  `default_permissions = "bench"
[permissions.bench]
extends = ":isolated"
[permissions.bench.network.domains]
"localhost:${port}" = { access = "allow", resolve_to = ["127.0.0.0/8", "::1/128"] }
`,
);

const ours = [
  process.execPath,
  join(root, "dist/bin/sandboxed-run.cjs"),
  "-q",
  "--config",
  join(folder, "config.toml"),
];
const srt = join(root, "bench/scratch/node_modules/.bin/srt");
const acts = { "sandboxed-run": [...ours, "--"] };
if (existsSync(srt)) acts["sandbox-runtime"] = [srt, "--settings", settings, "--"];
else console.log("skipped: sandbox-runtime is not installed in bench/scratch");

try {
  for (const clients of [1, 8]) {
    const rates = Object.fromEntries(Object.keys(acts).map((name) => [name, []]));
    for (let round = 0; round < 3; round += 1)
      for (const [name, words] of Object.entries(acts))
        rates[name].push(Number(await printed([...words, "python3", "client.py", String(clients)])));
    console.log(`new connection and request, ${clients} at once`);
    for (const [name, list] of Object.entries(rates))
      console.log(`  ${name.padEnd(18)} ${median(list).toFixed(0)} a second`);
    const [mine, theirs] = Object.values(rates).map(median);
    if (theirs !== undefined)
      console.log(`  sandboxed-run : sandbox-runtime  ×${(mine / theirs).toFixed(2)}   (goal ≥ 4)`);
  }
} finally {
  server.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Not by a synchronous call: the server answers in this process. */
function printed([command, ...words]) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { cwd: folder, env: environment, stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => (text += chunk));
    child.once("close", (status) =>
      status === 0 ? resolve(text) : reject(new Error(`${command} ended with ${status}`)),
    );
  });
}

function median(list) {
  return list.toSorted((one, other) => one - other)[list.length >> 1];
}
