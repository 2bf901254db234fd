import type { Socket } from "node:net";
import type { Passage, Protocol } from "./gate.ts";
import type { DoorParts } from "./parts.ts";
import { refuse, refusedEvent } from "./refusal.ts";
import { follow, relay, sever } from "./relay.ts";

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
  /** Lets the client's bytes through as well. */
  open(head: Buffer): void;
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
  const stop = relay(server, client, (bytes) => traffic.receive(bytes), overLimit);
  return {
    open(head) {
      if (head.length > 0) {
        if (!traffic.send(head.length)) return overLimit();
        server.write(head);
      }
      relay(client, server, (bytes) => traffic.send(bytes), overLimit);
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
