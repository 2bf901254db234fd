import type { Socket as UdpSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import { makeTurnstile } from "../serve/turnstile.ts";
import { answer, tooMany } from "./answer.ts";
import type { AnswerParts } from "./answer.ts";
import { LONGEST_MESSAGE, readMessage, writeFault, writeReply } from "./message.ts";

export interface DnsServiceOptions extends AnswerParts {
  /** Already bound, in the network of the run. */
  readonly udp: readonly UdpSocket[];
  /** Already listening. */
  readonly tcp: readonly Server[];
  readonly questionsPerSecond?: number;
  /** Connections at the same time. */
  readonly connections?: number;
  /** How long a connection may say nothing, in milliseconds. */
  readonly idleTime?: number;
}

export interface DnsService {
  /** Closes the sockets it was given and all connections. */
  close(): void;
}

/** Answers what comes in over the given sockets. Nothing that arrives makes it throw. */
export function serveDns(options: DnsServiceOptions): DnsService {
  const { udp, tcp, connections = 64, idleTime = 10_000 } = options;
  const turnstile = makeTurnstile(options.questionsPerSecond ?? 1000);
  const open = new Set<Socket>();
  const bound = new Set(udp);
  let closed = false;

  const respond = async (message: Buffer, transport: "udp" | "tcp"): Promise<Buffer | null> => {
    const received = readMessage(message);
    if (received.kind === "noise") return null;
    if (received.kind === "malformed") {
      return (await turnstile.pass()) ? writeFault(received.id, received.rcode) : null;
    }
    const { question } = received;
    return writeReply(question, (await turnstile.pass()) ? await answer(question, options) : tooMany(), transport);
  };

  const onMessage =
    (socket: UdpSocket) => (message: Buffer, peer: { readonly address: string; readonly port: number }) => {
      respond(message, "udp")
        .then((reply) => {
          // A reply that cannot be sent is one that was lost on its way.
          if (reply !== null && !closed) socket.send(reply, peer.port, peer.address, () => undefined);
        })
        .catch(() => undefined);
    };

  const onConnection = (socket: Socket): void => {
    if (closed || open.size >= connections) {
      socket.destroy();
      return;
    }
    open.add(socket);
    socket.setTimeout(idleTime, () => socket.destroy());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => open.delete(socket));
    converse(socket, (message) => respond(message, "tcp")).then(
      () => socket.end(),
      () => socket.destroy(),
    );
  };

  for (const socket of udp) {
    socket.on("message", onMessage(socket));
    socket.on("error", () => undefined);
    socket.on("close", () => bound.delete(socket));
  }
  for (const server of tcp) server.on("connection", onConnection);
  return {
    close() {
      if (closed) return;
      closed = true;
      turnstile.close();
      for (const socket of bound) socket.close();
      for (const server of tcp) server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/**
 * Messages with their length in front, answered one after the other: who asks more waits, and fills no memory. Ends
 * with the connection, at a length that no question has, and at what is no question.
 */
async function converse(socket: Socket, respond: (message: Buffer) => Promise<Buffer | null>): Promise<void> {
  let gathered: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    if (!Buffer.isBuffer(chunk)) return;
    gathered = Buffer.concat([gathered, chunk]);
    while (gathered.length >= 2) {
      const length = gathered.readUInt16BE(0);
      if (length === 0 || length > LONGEST_MESSAGE) return;
      if (gathered.length < 2 + length) break;
      const reply = await respond(gathered.subarray(2, 2 + length));
      if (reply === null) return;
      gathered = gathered.subarray(2 + length);
      const size = Buffer.alloc(2);
      size.writeUInt16BE(reply.length);
      if (!socket.write(Buffer.concat([size, reply]))) await drained(socket);
    }
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("drain", resolve);
    socket.once("close", resolve);
  });
}
