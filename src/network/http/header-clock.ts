import type { Socket } from "node:net";

interface Line {
  /** Whether a request is awaited at all; not while one is being answered. */
  isWaiting: boolean;
  /** Bytes read when the waiting began; any more and a request has begun. */
  bytes: number;
  /** When the request has to be whole, null before its first byte. */
  deadline: number | null;
}

/** Finds the connections whose next request has begun and does not get finished. One timer for all of them. */
export class HeaderClock {
  readonly #lines = new Map<Socket, Line>();
  readonly #time: number;
  readonly #timer: NodeJS.Timeout;

  constructor(time: number, expired: (socket: Socket) => void) {
    this.#time = time;
    this.#timer = setInterval(() => this.#sweep(expired), Math.max(20, Math.min(1000, time / 4))).unref();
  }

  /** A new connection: its first request has to be whole in `time`. */
  begin(socket: Socket, time: number): void {
    const known = this.#lines.has(socket);
    this.#lines.set(socket, { isWaiting: true, bytes: 0, deadline: Date.now() + time });
    if (!known) socket.once("close", () => this.#lines.delete(socket));
  }

  /** A connection that was answered; it may be silent for as long as it likes. */
  wait(socket: Socket): void {
    const line = this.#lines.get(socket);
    if (line === undefined) return;
    line.isWaiting = true;
    line.bytes = socket.bytesRead;
    line.deadline = null;
  }

  /** The request is there. */
  arrived(socket: Socket): void {
    const line = this.#lines.get(socket);
    if (line !== undefined) line.isWaiting = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sweep(expired: (socket: Socket) => void): void {
    const now = Date.now();
    for (const [socket, line] of this.#lines) {
      if (!line.isWaiting) continue;
      if (line.deadline === null) {
        if (socket.bytesRead > line.bytes) line.deadline = now + this.#time;
      } else if (now >= line.deadline) {
        line.isWaiting = false;
        expired(socket);
      }
    }
  }
}
