import type { Socket } from "node:net";
import { getSystemErrorName } from "node:util";

/** Why a port inside could not be reached; `code` is the system's word, `ECONNREFUSED` when nobody listens there. */
export class DialError extends Error {
  readonly code: string;
  readonly port: number;

  constructor(code: string, port: number) {
    super(`cannot reach port ${port} in the sandbox: ${code}`);
    this.name = "DialError";
    this.code = code;
    this.port = port;
  }
}

/** PID 1 works on 64 at once and gives each ten seconds. */
const MOST_AT_ONCE = 32;
const PATIENCE_MS = 15_000;

interface Dial {
  readonly port: number;
  readonly resolve: (socket: Socket) => void;
  readonly reject: (error: DialError) => void;
}

/** Asks PID 1 to connect to the program's own servers, and pairs its answers with the questions. */
export class Dialler {
  readonly #ask: (line: string) => void;
  readonly #waiting: Dial[] = [];
  readonly #asked = new Map<number, Dial & { readonly patience: NodeJS.Timeout }>();
  #last = 0;
  #closed = false;

  constructor(ask: (line: string) => void) {
    this.#ask = ask;
  }

  /** A connection to the program's server on this port of its loopback. Errors: `DialError`. */
  dial(port: number): Promise<Socket> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new DialError("ECONNRESET", port));
      this.#waiting.push({ port, resolve, reject });
      this.#next();
    });
  }

  /** PID 1's answer: a socket, or none and why. */
  answer(number: number, socket: Socket | null, errno: number | null): void {
    const dial = this.#take(number);
    if (dial === null) {
      socket?.destroy();
    } else if (socket === null) {
      dial.reject(new DialError(errno === null || errno === 0 ? "EIO" : getSystemErrorName(-errno), dial.port));
    } else if (isOwnEcho(socket)) {
      socket.destroy();
      dial.reject(new DialError("ECONNREFUSED", dial.port));
    } else {
      dial.resolve(socket);
    }
    this.#next();
  }

  /** Nothing is dialled any more; whoever waits is told. */
  close(): void {
    this.#closed = true;
    for (const number of this.#asked.keys()) {
      const dial = this.#take(number);
      dial?.reject(new DialError("ECONNRESET", dial.port));
    }
    for (const dial of this.#waiting.splice(0)) dial.reject(new DialError("ECONNRESET", dial.port));
  }

  #next(): void {
    while (this.#asked.size < MOST_AT_ONCE) {
      const dial = this.#waiting.shift();
      if (dial === undefined) return;
      this.#last = (this.#last + 1) % 0xffff_ffff;
      const number = this.#last;
      const patience = setTimeout(() => {
        this.#take(number)?.reject(new DialError("ETIMEDOUT", dial.port));
        this.#next();
      }, PATIENCE_MS);
      this.#asked.set(number, { ...dial, patience });
      this.#ask(`dial ${number} ${dial.port}`);
    }
  }

  #take(number: number): Dial | null {
    const dial = this.#asked.get(number);
    if (dial === undefined) return null;
    clearTimeout(dial.patience);
    this.#asked.delete(number);
    return dial;
  }
}

/** On an ephemeral port where nobody listens, TCP may connect a socket to itself. */
function isOwnEcho(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}
