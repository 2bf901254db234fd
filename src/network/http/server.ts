import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerOptions, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { DoorParts } from "../door/parts.ts";
import { refuse, refusedEvent } from "../decide/refusal.ts";
import { roomForIdle } from "../door/room.ts";
import { sever } from "../carry/relay.ts";
import { openTunnel } from "../carry/tunnel.ts";
import { answerRefusal, sayRefusal } from "./answer.ts";
import type { HttpArrival } from "./arrival.ts";
import { readConnect } from "./connect.ts";
import { decideRequest, readRequest, type HttpAnswer } from "./decide.ts";
import { forward, type Exchange, type Pools } from "./forward.ts";
import { keyOf } from "./handshake.ts";
import { HeaderClock } from "./header-clock.ts";
import { isOwnHost } from "./own-host.ts";
import { Pool } from "./pool.ts";
import { forwardUpgrade } from "./upgrade.ts";
import { withoutUpgrade } from "./without-upgrade.ts";

/** Milliseconds after which a connection to a server that nobody uses is closed, twice at most. */
const idleTime = 4000;

/** What is known of an HTTP connection. */
interface Line {
  readonly arrival: HttpArrival;
  /** Requests not answered yet. */
  pending: number;
  /** To the newest of them; null when there is none. */
  latest: ServerResponse | null;
}

/** The door's HTTP: a server that never listens and is handed connections. */
export class HttpDoor {
  readonly #parts: DoorParts;
  readonly #server: Server;
  readonly #lines = new WeakMap<Socket, Line>();
  readonly #clock: HeaderClock;
  readonly #pools: Pools;
  readonly #sweeping = setInterval(() => this.#pools.kept.sweep(), idleTime).unref();

  constructor(parts: DoorParts) {
    this.#parts = parts;
    const mostIdle = roomForIdle(parts.limits.connections);
    this.#pools = { kept: new Pool(mostIdle), fresh: new Pool(0) };
    this.#clock = new HeaderClock(parts.limits.headerTime, (socket) => this.#expire(socket));
    const options: ServerOptions & UpgradeChoice = {
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: parts.limits.headerBytes,
      keepAliveTimeout: 0,
      headersTimeout: 0,
      requestTimeout: 0,
      noDelay: false,
      shouldUpgradeCallback: isForWebSocket,
    };
    this.#server = createServer(options);
    // Headers past this number would be obeyed by the parser and hidden from us; their size bounds them.
    this.#server.maxHeadersCount = 0;
    this.#server.on("request", (request, response) => this.#request(request, response));
    this.#server.on("checkContinue", (request, response) => this.#request(request, response));
    this.#server.on("checkExpectation", (request, response) => this.#request(request, response));
    this.#server.on("upgrade", (request, stream, head) =>
      withSocket(stream, (socket) => this.#upgrade(request, socket, head)),
    );
    this.#server.on("connect", (request, stream, head) =>
      withSocket(stream, (socket) => this.#connect(request, socket, head)),
    );
    this.#server.on("clientError", (error, stream) => withSocket(stream, (socket) => this.#malformed(error, socket)));
  }

  /** Serves a connection of which `head` was read already. */
  serve(socket: Socket, arrival: HttpArrival, head: Buffer): void {
    if (socket.destroyed) return;
    this.#lines.set(socket, { arrival, pending: 0, latest: null });
    const { headerTime, firstByteTime } = this.#parts.limits;
    this.#clock.begin(socket, head.length > 0 ? headerTime : firstByteTime);
    this.#server.emit("connection", socket);
    // First this: a CONNECT in `head` leaves the parser, and its socket must then wait for whoever takes it over.
    socket.resume();
    if (head.length > 0) socket.emit("data", head);
  }

  /** Forgets connections to servers that a new policy may not allow. */
  drain(): void {
    this.#pools.kept.drain();
  }

  close(): void {
    this.#clock.stop();
    clearInterval(this.#sweeping);
    this.#pools.kept.destroy();
    this.#pools.fresh.destroy();
  }

  #request(request: IncomingMessage, response: ServerResponse): void {
    const parts = this.#parts;
    const { socket } = request;
    const line = this.#lineOf(socket);
    this.#clock.arrived(socket);
    line.pending += 1;
    line.latest = response;
    response.once("close", () => {
      line.pending -= 1;
      // Held on to, each answer would keep the next one alive once the collector took it for old.
      if (line.latest === response) line.latest = null;
      if (line.pending === 0) this.#clock.wait(socket);
    });
    if (parts.session !== null && isForSession(request, line)) return parts.session.request(request, response);
    if (line.pending > parts.limits.pipelined) {
      const refusal = refuse(line.arrival.protocol, null, "limit", "Too many requests wait on this connection.", 429);
      return this.#refuse(response, { ok: false, refusal, fatal: true });
    }
    const read = readRequest(parts, request, line.arrival);
    if (!read.ok) return this.#refuse(response, read);
    decideRequest(parts, read.value, request.method ?? "", line.arrival)
      .then((decided) => {
        if (response.destroyed || response.writableEnded) return undefined;
        if (!decided.ok) return this.#refuse(response, decided);
        this.#allow(decided.value);
        return forward(parts, this.#pools, decided.value, request, response);
      })
      .catch(() => sever(socket));
  }

  #allow({ protocol, passage: { target, decision } }: Exchange): void {
    this.#parts.observe({ kind: "allowed", protocol, target, refusal: null, decision, sent: 0, received: 0 });
  }

  #refuse(response: ServerResponse, { refusal, fatal }: HttpAnswer<never> & { readonly ok: false }): void {
    this.#parts.observe(refusedEvent(refusal));
    answerRefusal(response, refusal, fatal);
  }

  #upgrade(request: IncomingMessage, client: Socket, head: Buffer): void {
    const parts = this.#parts;
    const line = this.#lineOf(client);
    this.#clock.arrived(client);
    if (line.pending > 0) return sever(client);
    const read = readRequest(parts, request, line.arrival);
    if (!read.ok) return this.#say(client, read);
    // Other protocols than WebSocket would go on unread; a server may ignore an offer, so the offer is left out.
    if (read.value.head.upgrade !== "websocket" || request.method !== "GET" || read.value.head.body !== "none") {
      return this.serve(client, line.arrival, Buffer.concat([withoutUpgrade(request), head]));
    }
    const key = keyOf(read.value.head.headers);
    if (key === null) {
      const { target } = read.value.asked;
      const refusal = refuse(line.arrival.protocol, target, "bad_request", "A WebSocket is asked for with one key.");
      return this.#say(client, { ok: false, refusal, fatal: true });
    }
    decideRequest(parts, read.value, "GET", line.arrival)
      .then((decided) => {
        if (client.destroyed) return undefined;
        if (!decided.ok) return this.#say(client, decided);
        this.#allow(decided.value);
        return forwardUpgrade(parts, this.#pools, decided.value, key, request, client, head);
      })
      .catch(() => sever(client));
  }

  #connect(request: IncomingMessage, client: Socket, head: Buffer): void {
    const parts = this.#parts;
    const { arrival, pending } = this.#lineOf(client);
    this.#clock.arrived(client);
    if (pending > 0) return sever(client);
    const read = readConnect(parts, request, arrival);
    if (!read.ok) return this.#say(client, read);
    openTunnel(parts, {
      client,
      head,
      target: read.value,
      protocol: "https",
      peeksFirst: false,
      ready: () => void client.write("HTTP/1.1 200 Connection Established\r\n\r\n"),
      fail: (refusal) => sayRefusal(client, refusal),
    }).catch(() => sever(client));
  }

  #say(client: Socket, { refusal }: HttpAnswer<never> & { readonly ok: false }): void {
    this.#parts.observe(refusedEvent(refusal));
    sayRefusal(client, refusal);
  }

  #malformed(error: NodeJS.ErrnoException, socket: Socket): void {
    const line = this.#lines.get(socket);
    if (line === undefined || !socket.writable || error.code === "ECONNRESET") return void socket.destroy();
    const refusal =
      error.code === "HPE_HEADER_OVERFLOW"
        ? refuse(line.arrival.protocol, null, "limit", "The request's head is too large.", 431)
        : refuse(line.arrival.protocol, null, "bad_request", "The request is malformed.");
    if (line.pending === 0) return this.#say(socket, { ok: false, refusal, fatal: true });
    // The body of what is being answered is malformed: this is its answer, unless that has begun.
    if (line.pending > 1 || line.latest === null || line.latest.headersSent) return sever(socket);
    return this.#refuse(line.latest, { ok: false, refusal, fatal: true });
  }

  #expire(socket: Socket): void {
    const line = this.#lines.get(socket);
    if (line === undefined || line.pending > 0) return sever(socket);
    const refusal = refuse(line.arrival.protocol, null, "limit", "The request's head did not come in time.", 408);
    return this.#say(socket, { ok: false, refusal, fatal: true });
  }

  #lineOf(socket: Socket): Line {
    const line = this.#lines.get(socket);
    if (line === undefined) throw new Error("a connection that was not handed to the door");
    return line;
  }
}

/** A request to the door itself, by one of its own addresses: a web page's idea of its name is none of them. */
function isForSession(request: IncomingMessage, { arrival }: Line): boolean {
  return arrival.kind === "proxy" && (request.url ?? "").startsWith("/v1/") && isOwnHost(request);
}

/** Since Node 24.9; where it is not known, every offer to upgrade arrives as one. */
interface UpgradeChoice {
  readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean;
}

/** Any other offer is a request like all others, whose offer is left out. */
function isForWebSocket({ method, headers }: IncomingMessage): boolean {
  const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  return method === "GET" && headers.upgrade?.toLowerCase() === "websocket" && !hasBody;
}

/** Every connection handed in is a socket of `net`; node's types allow for other streams, which are not let on. */
function withSocket(stream: Duplex, act: (socket: Socket) => void): void {
  if (stream instanceof Socket) act(stream);
  else stream.destroy();
}
