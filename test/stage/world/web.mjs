import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecure } from "node:https";
import { connect } from "node:net";
import { join } from "node:path";
import { addressOf } from "./plain.mjs";
import { serveGit } from "./git.mjs";
import { registries } from "./registries.mjs";

/** The web: the same pages at every address and under every name, over HTTP and HTTPS. */
export async function serveWeb(note, folder) {
  const files = registries(folder);
  const onRequest = (request, response) => {
    const { method, url, headers, socket } = request;
    const where = { address: addressOf(socket), port: socket.localPort, sni: socket.servername || null };
    note("http", { method, url, host: headers.host ?? null, ...where });
    for (const [name, value] of Object.entries(headers)) if (overriding.test(name)) note("override", { name, value });
    if (url.includes("/witness/")) return witness(note, request, response);
    const file = files.get(`${(headers.host ?? "").replace(/:\d+$/, "")}${url}`);
    if (file !== undefined) return response.writeHead(200, { "content-type": file.type }).end(file.body);
    return answer(request, response, folder);
  };
  const onUpgrade = (request, socket) => {
    note("upgrade", { url: request.url, host: request.headers.host });
    socket.on("error", () => socket.destroy());
    const accept = createHash("sha1")
      .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    // Frames come back as they were sent.
    socket.pipe(socket);
  };
  // A proxy as lenient as they come: it leads anywhere, and all of that is here.
  const onConnect = (request, socket, head) => {
    note("chain", { url: request.url });
    const server = connect(Number(request.url.split(":")[1]) || 80, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      server.write(head);
      socket.pipe(server).pipe(socket);
    });
    for (const each of [socket, server]) each.on("error", () => socket.destroy());
  };
  const onConnection = (socket) => {
    const port = socket.localPort;
    note("tcp", { port, address: addressOf(socket) });
    socket.on("close", () => note("closed", { port, received: socket.bytesRead, sent: socket.bytesWritten }));
  };
  const certificate = { key: readFileSync(join(folder, "server.key")), cert: readFileSync(join(folder, "server.pem")) };
  for (const [port, isSecure] of [
    [80, false],
    [8080, false],
    [443, true],
    [8443, true],
  ]) {
    const server = isSecure ? createSecure(certificate, onRequest) : createServer(onRequest);
    server.on("connection", onConnection).on("upgrade", onUpgrade).on("connect", onConnect);
    server.listen(port, "::", 4096);
    await once(server, "listening");
  }
}

/** Headers by which some servers take a request for another one. */
const overriding = /^x[-_](http[-_])?method|^x[-_](original|rewrite)[-_]ur[il]/;

/** Writes down all that a request brought; without what `/witness/` of 127.0.0.1:8080 is rightly told. */
function witness(note, request, response) {
  const { url, headers, socket, method, rawHeaders } = request;
  const { authorization = null, ...others } = headers;
  const isBound = socket.localPort === 8080 && addressOf(socket) === "127.0.0.1" && url.startsWith("/witness/");
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  const text = JSON.stringify([method, url, names, others, isBound ? null : authorization]);
  let body = "";
  request.on("data", (data) => (body += data));
  request.on("end", () => {
    note("witness", { text: text + body, authorization });
    response.end("seen\n");
  });
}

function answer(request, response, folder) {
  const { pathname, searchParams } = new URL(`http://any${request.url}`);
  if (pathname.startsWith("/git/")) return serveGit(request, response, join(folder, "git"));
  switch (pathname) {
    case "/headers":
      return response.end(JSON.stringify(request.headers));
    case "/big":
      return stream(response, Number(searchParams.get("bytes")));
    case "/count":
      return count(request, response);
    case "/redirect":
      return redirect(response, Number(searchParams.get("status") ?? 302), searchParams.get("to") ?? "");
    case "/bytes":
      return response.end(Buffer.from([0xff, 0xfe, 0x00, 0x80]));
    case "/never":
      return response.write("the beginning ");
    default:
      return response.end(`hello from ${request.headers.host} ${pathname}\n`);
  }
}

/** Node takes the bytes of a header for letters of Latin-1. */
function redirect(response, status, to) {
  return response.writeHead(status, { location: Buffer.from(to).toString("latin1") }).end();
}

function stream(response, bytes) {
  const piece = Buffer.alloc(65_536, "x");
  let left = bytes;
  const more = () => {
    while (left > 0) {
      const size = Math.min(left, piece.length);
      left -= size;
      if (!response.write(piece.subarray(0, size))) return response.once("drain", more);
    }
    return response.end();
  };
  more();
}

function count(request, response) {
  let bytes = 0;
  request.on("data", (data) => (bytes += data.length));
  request.on("end", () => response.end(`${bytes}\n`));
}
