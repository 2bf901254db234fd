import type { Server, Socket } from "node:net";

/**
 * Lets `most` connections be open at a server. Where there are more, those make room that nobody has vouched for, the oldest
 * first: who connects and says nothing, or says what is not let in, keeps nobody out. Returns how a connection is vouched for.
 */
export function roomForOthers(server: Server, most: number): (socket: Socket) => void {
  const strangers = new Set<Socket>();
  let open = 0;
  server.on("connection", (socket) => {
    open += 1;
    strangers.add(socket);
    socket.once("close", () => {
      open -= 1;
      strangers.delete(socket);
    });
    if (open <= most) return;
    const [oldest = socket] = strangers;
    oldest.destroy();
  });
  return (socket) => {
    strangers.delete(socket);
  };
}

/** So many bytes may be held at a time. */
export class ByteRoom {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  holder(): Holder {
    let held = 0;
    return {
      take: (bytes) => {
        if (bytes > this.#left) return false;
        this.#left -= bytes;
        held += bytes;
        return true;
      },
      release: () => {
        this.#left += held;
        held = 0;
      },
    };
  }
}

/** One of those that share a room. */
export interface Holder {
  /** False where there is no room. */
  take(bytes: number): boolean;
  /** Everything. */
  release(): void;
}
