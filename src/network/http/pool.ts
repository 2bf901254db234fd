import { Agent, type ClientRequestArgs, type RequestOptions } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Way } from "../upstream/way.ts";
import { isFailure, type DialFailure } from "../upstream/dial.ts";

export interface PooledRequest extends RequestOptions {
  readonly way: Way;
}

/** A dial that failed, as the request's error. */
export class DialError extends Error {
  readonly failure: DialFailure;

  constructor(failure: DialFailure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Connections to servers, kept for requests that go the same way and for no others. */
export class Pool extends Agent {
  #unused = new Map<Socket, number>();
  readonly #mostIdle: number;

  /** Of all connections that wait for a request, whoever they lead to, `mostIdle` are kept; with 0 each serves one. */
  constructor(mostIdle: number) {
    super({ keepAlive: mostIdle > 0, maxFreeSockets: Math.min(64, mostIdle) });
    this.#mostIdle = mostIdle;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    let idle = 0;
    for (const sockets of Object.values(this.freeSockets)) idle += sockets?.length ?? 0;
    // Node's types forget that it says whether.
    return idle < this.#mostIdle && Boolean(super.keepSocketAlive(socket));
  }

  override getName(options?: RequestOptions): string {
    return wayOf(options).key;
  }

  override createConnection(
    options: ClientRequestArgs,
    done?: (error: Error | null, socket: Duplex) => void,
  ): Duplex | null | undefined {
    void wayOf(options)
      .open()
      .then((dialled) => {
        // Node looks at the socket only when there is no error.
        if (isFailure(dialled)) done?.(new DialError(dialled), new Socket());
        else {
          // A server that closes an idle connection has closed it for the pool too.
          dialled.allowHalfOpen = false;
          // An upstream proxy's answer was read from it and left it paused.
          dialled.resume();
          done?.(null, dialled);
        }
      })
      .catch((error: unknown) => done?.(error instanceof Error ? error : new Error(String(error)), new Socket()));
    return undefined;
  }

  /** Drops the connections that wait for a request. */
  drain(): void {
    for (const socket of this.#waiting()) socket.destroy();
  }

  /** Drops the connections that nobody has used since it was called last. */
  sweep(): void {
    const waiting = this.#waiting();
    for (const socket of waiting) if (this.#unused.get(socket) === socket.bytesRead) socket.destroy();
    this.#unused = new Map(waiting.map((socket) => [socket, socket.bytesRead]));
  }

  #waiting(): Socket[] {
    return Object.values(this.freeSockets).flatMap((sockets) => sockets ?? []);
  }
}

/** Each request to a pool is made with `PooledRequest`; node hands its options on as they are. */
function wayOf(options: ClientRequestArgs | undefined): Way {
  if (options === undefined || !hasWay(options)) throw new Error("a request to a pool that does not say its way");
  return options.way;
}

function hasWay(options: ClientRequestArgs): options is PooledRequest {
  return "way" in options;
}
