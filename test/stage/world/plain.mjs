import { once } from "node:events";
import { createServer } from "node:net";
import { createSocket } from "node:dgram";

/** Servers that speak no HTTP: by port, and what they do with a connection. */
const servers = [
  // Speaks first, as ssh does.
  [22, (socket) => socket.end("SSH-2.0-stand-in\r\n")],
  // DNS over TCP and over TLS, as far as a connection shows that somebody came.
  [53, (socket) => socket.end("dns?\n")],
  [853, (socket) => socket.end("dot?\n")],
  // Says how the client began.
  [5432, (socket) => socket.once("data", (data) => socket.end(`database heard ${data.length} bytes\n`))],
  // Gives everything back, and ends when the client has.
  [7000, (socket) => socket.pipe(socket)],
  // Says how much came, when all has come.
  [7001, count],
];

export async function servePlain(note) {
  for (const [port, act] of servers) {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      note("tcp", { port, address: addressOf(socket) });
      socket.on("error", () => socket.destroy());
      socket.on("close", () => note("closed", { port, received: socket.bytesRead, sent: socket.bytesWritten }));
      act(socket);
    });
    // 127.0.0.53 is the name server's, and UDP alone.
    server.listen(port, "::");
    await once(server, "listening");
  }
  for (const port of [123, 5353, 9999]) {
    const socket = createSocket("udp6");
    socket.on("message", (data) => note("udp", { port, bytes: data.length }));
    socket.bind(port);
    await once(socket, "listening");
  }
}

function count(socket) {
  let bytes = 0;
  socket.on("data", (data) => (bytes += data.length));
  socket.on("end", () => socket.end(`${bytes}\n`));
}

/** Where a client wanted to go; every server listens on all addresses. */
export function addressOf(socket) {
  return socket.localAddress?.replace(/^::ffff:(?=\d+\.)/, "") ?? null;
}
