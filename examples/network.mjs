#!/usr/bin/env node
// Shows what a Node program finds: its environment, its network, its files.
// Run it with: GITHUB_TOKEN=secret sandboxed-run examples/network.mjs
//        then: GITHUB_TOKEN=secret sandboxed-run -e GITHUB_TOKEN examples/network.mjs
import { createServer } from "node:http";
import { writeFile } from "node:fs/promises";

console.log(`network: ${process.env.SANDBOXED_NETWORK ?? "not in a sandbox"}`);
console.log(`GITHUB_TOKEN: ${process.env.GITHUB_TOKEN === undefined ? "not passed on" : "passed on"}`);

// Loopback is the program's own: a server and its client can meet there.
const server = createServer((_request, response) => response.end("hello from inside\n"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
await writeFile("hello.txt", await answer.text());
server.close();
console.log("wrote hello.txt from my own server");

// Everywhere else is out of reach unless the policy says `mode = "full"`.
try {
  await fetch("https://example.com/", { signal: AbortSignal.timeout(5000) });
  console.log("reached example.com");
} catch (error) {
  console.error(`connect to example.com:443: ${error.cause?.message ?? error.message}`);
}
