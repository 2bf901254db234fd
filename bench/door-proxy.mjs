// One process of the door's benchmark: `plain`, `door` or `origin`; tells its port on standard output.
import { createServer, request as sendRequest, Agent } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";

const [role, bundle] = process.argv.slice(2);
const started = { origin, plain, door }[role];
const listener = await started();
process.on("message", () => process.send(process.cpuUsage()));
listener.listen(0, "127.0.0.1", () => console.log(listener.address().port));

/** Answers `/` with 100 bytes and `/N` with N bytes; behind CONNECT, a line with a number brings that many bytes. */
function origin() {
  const block = Buffer.alloc(64 * 1024, "x");
  const web = createServer((request, response) => {
    const size = Number(request.url.slice(1)) || 100;
    response.writeHead(200, { "content-length": size });
    pour(response, size);
  });
  web.keepAliveTimeout = 0;
  const raw = createTcpServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (line) => pour(socket, Number(line)));
  });
  raw.listen(0, "127.0.0.1", () => console.log(raw.address().port));
  return web;

  function pour(stream, left) {
    while (left > 0) {
      const piece = left >= block.length ? block : block.subarray(0, left);
      left -= piece.length;
      if (!stream.write(piece)) return void stream.once("drain", () => pour(stream, left));
    }
    stream.end();
  }
}

/** What anybody would write: no rules, no checks, kept connections. */
function plain() {
  const agent = new Agent({ keepAlive: true });
  const server = createServer((request, response) => {
    const url = new URL(request.url);
    const outgoing = sendRequest(
      {
        agent,
        host: url.hostname,
        port: url.port,
        path: url.pathname,
        method: request.method,
        headers: request.headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      },
    );
    outgoing.on("error", () => response.destroy());
    request.pipe(outgoing);
  });
  server.on("connect", (request, client, head) => {
    const [host, port] = request.url.split(":");
    const target = connect({ host, port: Number(port), noDelay: true }, () => {
      client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
      target.write(head);
      target.pipe(client);
      client.pipe(target);
    });
    target.on("error", () => client.destroy());
    client.on("error", () => target.destroy());
  });
  server.keepAliveTimeout = 0;
  return server;
}

async function door() {
  const { openDoor, targetOf } = await import(bundle);
  const decision = {
    effect: "allow",
    reason: "granted",
    rule: null,
    provenance: null,
    where: "host",
    suggestion: null,
  };
  const gate = {
    admit: (target) => Promise.resolve({ ok: true, value: { target, decision, generation: 0, sni: "name" } }),
    request: (passage) => ({ ok: true, value: passage }),
    locate: ({ target }) => Promise.resolve({ ok: true, value: [{ address: target.host, family: 4 }] }),
    stillAllowed: () => true,
  };
  const server = createTcpServer();
  openDoor({ gate, parseTarget: targetOf, observe: () => {} }).serve(server, "proxy");
  return server;
}
