import type { Socket } from "node:net";
import { Growing } from "./growing.ts";

export interface GatherBounds {
  readonly bytes: number;
  /** Milliseconds without a first byte; none when absent. */
  readonly firstByteTime?: number;
  /** Milliseconds from the first byte. */
  readonly time: number;
}

/** What came, found or not: `ended` the other side finished, `gone` the connection broke. */
export type Gathered<T> =
  | { readonly outcome: "found"; readonly value: T; readonly bytes: Buffer }
  | { readonly outcome: "ended" | "long" | "slow" | "gone"; readonly bytes: Buffer };

/**
 * Collects a socket's first bytes until `inspect` recognises them. Afterwards the socket is paused and everything
 * read is in `bytes`, nothing is put back. The socket needs an error listener of its own.
 */
export function gather<T>(
  socket: Socket,
  head: Buffer,
  bounds: GatherBounds,
  inspect: (bytes: Buffer) => T | undefined,
): Promise<Gathered<T>> {
  return new Promise((resolve) => {
    const store = new Growing(head);
    let timer: NodeJS.Timeout | undefined;

    const settle = (result: Gathered<T>): void => {
      clearTimeout(timer);
      socket.off("data", onData).off("end", onEnd).off("close", onClose);
      socket.pause();
      resolve(result);
    };
    const look = (): boolean => {
      const bytes = store.bytes();
      const value = bytes.length === 0 ? undefined : inspect(bytes);
      if (value !== undefined) settle({ outcome: "found", value, bytes });
      else if (bytes.length >= bounds.bytes) settle({ outcome: "long", bytes });
      else return false;
      return true;
    };
    const limit = (milliseconds: number): void => {
      clearTimeout(timer);
      timer = setTimeout(() => settle({ outcome: "slow", bytes: store.bytes() }), milliseconds);
    };
    const onData = (chunk: Buffer): void => {
      const first = store.length === 0;
      store.add(chunk);
      if (!look() && first) limit(bounds.time);
    };
    const onEnd = (): void => settle({ outcome: "ended", bytes: store.bytes() });
    const onClose = (): void => settle({ outcome: "gone", bytes: store.bytes() });

    if (look()) return;
    if (socket.destroyed) return onClose();
    if (socket.readableEnded) return onEnd();
    if (store.length > 0) limit(bounds.time);
    else if (bounds.firstByteTime !== undefined) limit(bounds.firstByteTime);
    socket.on("data", onData).on("end", onEnd).on("close", onClose);
    socket.resume();
  });
}
