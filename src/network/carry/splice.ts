import type { Socket } from "node:net";
import type { Passage, Protocol } from "../decide/gate.ts";
import type { DoorParts } from "../door/parts.ts";
import { refuse, refusedEvent } from "../decide/refusal.ts";
import { follow, relay, sever, type Meter } from "./relay.ts";
import type { OpeningProblem } from "../tls/opening.ts";
import type { Watch } from "../tls/watch.ts";

/** Two ends of a tunnel. `head` is what the client sent already. */
export interface TunnelEnds {
  readonly client: Socket;
  readonly server: Socket;
  readonly head: Buffer;
  readonly passage: Passage;
  readonly protocol: Protocol;
}

/** The server's half of a tunnel, open before the client has said anything. */
export interface HalfTunnel {
  /** Lets the client's bytes through as well, as long as `watch` has nothing against them. */
  open(head: Buffer, watch?: Watch | null): void;
  /** Takes the server's side away without touching the client. */
  abandon(): void;
  /** Whether the server has said anything. */
  hasSpoken(): boolean;
}

/** Lets the server's bytes through at once; the client's wait for `open`. Cut when the policy does not hold any more. */
export function joinServer(
  parts: DoorParts,
  { client, server, passage, protocol }: Omit<TunnelEnds, "head">,
): HalfTunnel {
  const { traffic, passages, observe } = parts;
  const { target, decision } = passage;
  const cut = (): void => {
    sever(client);
    sever(server);
  };
  const overLimit = (): void => {
    observe(refusedEvent(refuse(protocol, target, "limit", "The run's limit of bytes is used up.")));
    cut();
  };
  const forbid = ({ reason, message }: OpeningProblem): void => {
    observe(refusedEvent(refuse(protocol, target, reason, message)));
    cut();
  };
  const release = passages.hold({ passage, cut });
  const before = { sent: server.bytesWritten, received: server.bytesRead - server.readableLength };
  server.on("close", () => {
    release();
    const sent = server.bytesWritten - before.sent;
    const received = server.bytesRead - before.received;
    observe({ kind: "closed", protocol, target, refusal: null, decision, sent, received });
  });
  const endClient = (): void => follow(server, client);
  const endServer = (): void => follow(client, server);
  server.on("close", endClient);
  client.on("close", endServer);
  const stop = relay(server, client, (chunk) => traffic.receive(chunk.length), overLimit);
  return {
    open(head, watch = null) {
      let problem: OpeningProblem | null = null;
      const mayGo: Meter = (chunk) => {
        problem = watch?.(chunk) ?? null;
        return problem === null && traffic.send(chunk.length);
      };
      const stopAll = (): void => (problem === null ? overLimit() : forbid(problem));
      if (head.length > 0) {
        if (!mayGo(head)) return stopAll();
        server.write(head);
      }
      relay(client, server, mayGo, stopAll);
    },
    abandon() {
      stop();
      server.off("close", endClient);
      client.off("close", endServer);
      server.destroy();
    },
    hasSpoken: () => server.bytesRead > before.received,
  };
}

/** Both directions at once. */
export function splice(parts: DoorParts, ends: TunnelEnds): void {
  joinServer(parts, ends).open(ends.head);
}
