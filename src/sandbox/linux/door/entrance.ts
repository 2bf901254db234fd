import type { RemoteInfo, Socket as Datagrams } from "node:dgram";
import { Server } from "node:net";
import type { ServerOpts, Socket } from "node:net";

/** The kernel takes the smaller of this and its own limit; Node's default of 511 would let a burst of connects wait. */
const BACKLOG = 4096;

/**
 * A listening TCP socket in the run's network namespace. What connects waits in the kernel until it is served, so
 * nothing is lost between the program's first instruction and the first accept.
 */
export class Entrance {
  readonly port: number;
  readonly #handle: object;
  #server: Server | null = null;

  constructor(port: number, handle: object) {
    this.port = port;
    this.#handle = handle;
  }

  /**
   * Accepts from now on; to be called once. A connection's local address and port are where the program wanted to go
   * (IPv4 as `::ffff:a.b.c.d` on all but the proxy's entrance). Connections may be half open unless options say otherwise.
   */
  serve(options: ServerOpts, onConnection: (socket: Socket) => void): Server {
    const server = new Server({ allowHalfOpen: true, ...options }, onConnection);
    this.#server = server;
    // Without a listener the socket is closed, and the program's connects are refused.
    server.on("error", () => server.close());
    return server.listen(this.#handle, BACKLOG);
  }

  /** Closes the listener; connections already accepted go on. */
  close(): void {
    // A handle that nobody serves is closed by somebody who might.
    const server = this.#server ?? new Server().on("error", ignore).listen(this.#handle);
    this.#server = server;
    if (server.listening) server.close();
  }
}

function ignore(): void {}

/** How many datagrams are kept for whoever serves them; a client that got no answer asks again. */
const MOST_EARLY = 256;

/** The UDP socket of DNS in the run's namespace. Datagrams that come before it is served are kept. */
export class DatagramEntrance {
  readonly port: number;
  readonly #socket: Datagrams;
  #early: (readonly [Buffer, RemoteInfo])[] = [];
  #open = true;

  constructor(port: number, socket: Datagrams) {
    this.port = port;
    this.#socket = socket;
    socket.on("message", this.#keep);
    // An answer that cannot be sent is an answer lost, as on any network.
    socket.on("error", () => this.close());
    socket.once("close", () => {
      this.#open = false;
    });
  }

  /** To be called once. Answers are sent through the socket it returns, to where the question came from. */
  serve(onMessage: (message: Buffer, from: RemoteInfo) => void): Datagrams {
    const early = this.#early;
    this.#early = [];
    this.#socket.off("message", this.#keep);
    this.#socket.on("message", onMessage);
    // After the caller has the socket to answer with, before anything new arrives.
    process.nextTick(() => {
      for (const [message, from] of early) this.#socket.emit("message", message, from);
    });
    return this.#socket;
  }

  close(): void {
    if (this.#open) this.#socket.close();
    this.#open = false;
  }

  readonly #keep = (message: Buffer, from: RemoteInfo): void => {
    if (this.#early.length < MOST_EARLY) this.#early.push([message, from]);
  };
}
