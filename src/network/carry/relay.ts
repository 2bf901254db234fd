import type { Socket } from "node:net";
import type { Readable, Writable } from "node:stream";

/** Told of each piece before it goes on; false cuts the connection. */
export type Meter = (chunk: Buffer) => boolean;

/**
 * Moves bytes one way with back-pressure and nothing else: ends and failures are the caller's.
 * `cut` is called once `meter` has said no.
 */
export function pump(from: Readable, to: Writable, meter: Meter, cut: () => void): () => void {
  const onData = (chunk: Buffer): void => {
    if (!meter(chunk)) cut();
    else if (!to.write(chunk)) from.pause();
  };
  const onDrain = (): void => void from.resume();
  from.on("data", onData);
  to.on("drain", onDrain);
  from.resume();
  return () => {
    from.off("data", onData);
    to.off("drain", onDrain);
  };
}

/** One direction of a tunnel: bytes, then the half-close. Returns how to stop. */
export function relay(from: Socket, to: Socket, meter: Meter, cut: () => void): () => void {
  const onEnd = (): void => void to.end();
  const stop = pump(from, to, meter, cut);
  from.on("end", onEnd);
  if (from.readableEnded) to.end();
  return () => {
    stop();
    from.off("end", onEnd);
  };
}

/** Tells one end of a tunnel that the other is gone: as an end if it ended, as a failure if it broke. */
export function follow(gone: Socket, other: Socket): void {
  if (gone.readableEnded) other.destroySoon();
  else sever(other);
}

/**
 * Ends a connection so that the other side sees a failure, not an end. A socket that is being shut down cannot be
 * reset any more (libuv says EINVAL and node then never closes it), nor can one inside TLS.
 */
export function sever(socket: Socket): void {
  if (socket.connecting || socket.destroyed || socket.writableEnded || "encrypted" in socket) socket.destroy();
  else socket.resetAndDestroy();
}

/** Says a last word and closes, reading on for a moment: unread bytes would make the kernel throw the word away. */
export function farewell(socket: Socket, word: string | Buffer, linger = 1000): void {
  if (socket.destroyed || !socket.writable) return void socket.destroy();
  const timer = setTimeout(() => socket.destroy(), linger);
  socket.on("close", () => clearTimeout(timer));
  socket.on("end", () => socket.destroySoon());
  socket.end(word);
  socket.resume();
}
