import type { RemoteInfo, Socket as Datagrams } from "node:dgram";
import type { Server, ServerOpts, Socket } from "node:net";

/** A listener that was opened elsewhere; connections wait until it is served. */
export interface Entrance {
  serve(options: ServerOpts, onConnection: (socket: Socket) => void): Server;
}

/** The same for datagrams. What came before is delivered once it is served. */
export interface DatagramEntrance {
  serve(onMessage: (message: Buffer, from: RemoteInfo) => void): Datagrams;
}
