import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { connect, createServer as createTcpServer, isIP, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Decision } from "../../../src/policy/index.ts";
import type { Answer, DoorEvent, Gate, Passage, Refusal, Target } from "../../../src/network/decide/gate.ts";
import { targetOf } from "../../../src/network/names/authority.ts";
import { openDoor, type Door, type DoorOptions, type Role } from "../../../src/network/door/door.ts";

export const decision: Decision = {
  effect: "allow",
  reason: "granted",
  rule: { kind: "network", text: '"good.test" = "allow"' },
  provenance: { layer: "user", file: "/etc/x.toml", line: 3, column: 1, owner: "you" },
  where: "host",
  suggestion: null,
};

/** A gate that lets some names through, all of them to a loopback address. */
export class SmallGate implements Gate {
  readonly allowed: Map<string, Partial<Passage>>;
  /** Names that a resolver would have been asked for. */
  readonly located: string[] = [];
  methods: readonly string[] | null = null;
  addresses: readonly string[] = ["127.0.0.1"];
  generation = 0;

  constructor(allowed: readonly string[]) {
    this.allowed = new Map(allowed.map((host) => [host, {}]));
  }

  admit(target: Target, protocol: Refusal["protocol"]): Promise<Answer<Passage>> {
    const more = this.allowed.get(target.host);
    if (more !== undefined) {
      return Promise.resolve({
        ok: true,
        value: { target, decision, generation: this.generation, sni: "name", ...more },
      });
    }
    const denied: Decision = {
      ...decision,
      effect: "deny",
      reason: "network_not_allowed",
      rule: null,
      suggestion: { argv: ["--allow-domain", target.host], config: null },
    };
    const refusal: Refusal = { status: 403, reason: denied.reason, target, protocol, decision: denied, message: "No." };
    return Promise.resolve({ ok: false, refusal });
  }

  request(passage: Passage, method: string): Answer<Passage> {
    if (this.methods === null || this.methods.includes(method)) return { ok: true, value: passage };
    const { target, decision: because } = passage;
    const refusal: Refusal = {
      status: 403,
      reason: "method_not_allowed",
      target,
      protocol: "http",
      decision: because,
      message: "Not this method.",
    };
    return { ok: false, refusal };
  }

  locate({ target }: Passage): ReturnType<Gate["locate"]> {
    this.located.push(target.host);
    const addresses = target.isAddress ? [target.host] : this.addresses;
    return Promise.resolve({
      ok: true,
      value: addresses.map((address) => ({ address, family: isIP(address) === 6 ? 6 : 4 })),
    });
  }

  stillAllowed({ target }: Passage): boolean {
    return this.allowed.has(target.host);
  }
}

export interface Stand {
  readonly door: Door;
  readonly port: number;
  readonly gate: SmallGate;
  readonly events: DoorEvent[];
}

/** A door on loopback in front of a small gate, gone when the test ends. */
export async function openStand({
  allow = ["good.test"],
  role = "proxy",
  at = "127.0.0.1",
  ...options
}: Partial<DoorOptions> & {
  readonly allow?: readonly string[];
  readonly role?: Role;
  readonly at?: string;
} = {}): Promise<Stand> {
  const gate = new SmallGate(allow);
  const events: DoorEvent[] = [];
  const door = openDoor({ gate, parseTarget: targetOf, observe: (event) => events.push(event), ...options });
  onTestFinished(() => door.close());
  const server = createTcpServer();
  const port = await listen(server, at);
  door.serve(server, role);
  return { door, port, gate, events };
}

export async function listen(server: Server, host = "127.0.0.1", port = 0): Promise<number> {
  await new Promise<void>((resolve, reject) => server.listen(port, host, resolve).on("error", reject));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("not a TCP server");
  return address.port;
}

/** An HTTP server that remembers what reached it. */
export async function openOrigin(
  listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => response.end(`${request.method} ${request.url} ${Buffer.concat(chunks).toString()}`));
  },
): Promise<{
  readonly port: number;
  readonly seen: IncomingMessage[];
  readonly server: ReturnType<typeof createServer>;
  connections: () => number;
}> {
  const seen: IncomingMessage[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    seen.push(request);
    listener(request, response);
  });
  server.on("connection", () => (connections += 1));
  onTestFinished(() => server.closeAllConnections());
  return { port: await listen(server), seen, server, connections: () => connections };
}

/** A TCP server that remembers the bytes that reached it. */
export async function openSink(
  greet: (socket: Socket) => void = () => {},
  host = "127.0.0.1",
): Promise<{ readonly port: number; readonly bytes: () => string; readonly connections: () => number }> {
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => {});
    greet(socket);
  });
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  const port = await listen(server, host);
  return { port, bytes: () => Buffer.concat(chunks).toString("latin1"), connections: () => connections };
}

/** A raw client: what it is sent, and waiting for what should come. */
export class Wire {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  closed = false;
  ended = false;

  constructor(port: number, host = "127.0.0.1") {
    this.socket = connect({ port, host, allowHalfOpen: true });
    this.socket.on("data", (chunk) => (this.#received = Buffer.concat([this.#received, chunk])));
    this.socket.on("error", () => {});
    this.socket.on("end", () => (this.ended = true));
    this.socket.on("close", () => (this.closed = true));
    onTestFinished(() => void this.socket.destroy());
  }

  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    return this;
  }

  get text(): string {
    return this.#received.toString("latin1");
  }

  async until(test: (wire: this) => boolean, time = 5000): Promise<string> {
    const end = Date.now() + time;
    while (!test(this)) {
      if (Date.now() > end) throw new Error(`not in time; received ${JSON.stringify(this.text.slice(0, 500))}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return this.text;
  }

  untilText(part: string): Promise<string> {
    return this.until(({ text }) => text.includes(part));
  }

  untilClosed(): Promise<string> {
    return this.until(({ closed, ended }) => closed || ended);
  }
}

/** What asks for a WebSocket, beside the line and `Host`. */
export const askForWebSocket =
  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/** The head by which a server agrees to it. */
export const agreeToWebSocket =
  "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
