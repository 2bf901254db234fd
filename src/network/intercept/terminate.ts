import type { Socket } from "node:net";
import { TLSSocket, type SecureContext } from "node:tls";

/** A client's TLS that ends here instead of at the server it was meant for. */
export interface Termination {
  readonly client: Socket;
  /** The ClientHello, which was read already. */
  readonly first: Buffer;
  readonly context: SecureContext;
  /** For the handshake, in milliseconds. */
  readonly time: number;
  /** Called at most once, with what is inside of the TLS. A failed handshake only closes the client. */
  readonly serve: (secured: Socket) => void;
}

/** Speaks TLS with a client, and inside of it nothing but HTTP/1.1. */
export function terminate({ client, first, context, time, serve }: Termination): void {
  // TLSSocket takes over what is left to read.
  client.unshift(first);
  const secured = new TLSSocket(client, { isServer: true, secureContext: context, ALPNProtocols: ["http/1.1"] });
  const timer = setTimeout(() => secured.destroy(), time);
  secured.on("error", () => secured.destroy());
  secured.on("close", () => {
    clearTimeout(timer);
    client.destroy();
  });
  client.on("close", () => secured.destroy());
  secured.on("secure", () => {
    clearTimeout(timer);
    secured.disableRenegotiation();
    serve(secured);
  });
}
