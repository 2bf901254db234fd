import type { Socket } from "node:net";

interface Waiting {
  /** Bytes read when the waiting began; any more and a request has begun. */
  bytes: number;
  /** When the request has to be whole, null before its first byte. */
  deadline: number | null;
}

/** Finds the connections whose next request has begun and does not get finished. One timer for all of them. */
export class HeaderClock {
  readonly #waiting = new Map<Socket, Waiting>();
  readonly #known = new WeakSet<Socket>();
  readonly #time: number;
  readonly #timer: NodeJS.Timeout;

  constructor(time: number, expired: (socket: Socket) => void) {
    this.#time = time;
    this.#timer = setInterval(() => this.#sweep(expired), Math.max(20, Math.min(1000, time / 4))).unref();
  }

  /** A new connection: its first request has to be whole in `time`. */
  begin(socket: Socket, time: number): void {
    this.#waiting.set(socket, { bytes: 0, deadline: Date.now() + time });
    if (this.#known.has(socket)) return;
    this.#known.add(socket);
    socket.once("close", () => this.#waiting.delete(socket));
  }

  /** A connection that was answered; it may be silent for as long as it likes. */
  wait(socket: Socket): void {
    if (!socket.destroyed) this.#waiting.set(socket, { bytes: socket.bytesRead, deadline: null });
  }

  arrived(socket: Socket): void {
    this.#waiting.delete(socket);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sweep(expired: (socket: Socket) => void): void {
    const now = Date.now();
    for (const [socket, waiting] of this.#waiting) {
      if (waiting.deadline === null) {
        if (socket.bytesRead > waiting.bytes) waiting.deadline = now + this.#time;
      } else if (now >= waiting.deadline) {
        this.#waiting.delete(socket);
        expired(socket);
      }
    }
  }
}
