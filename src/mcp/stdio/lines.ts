import type { Readable, Writable } from "node:stream";

/** One message; images and files travel in them. */
export const LONGEST_LINE = 16 * 1024 * 1024;

/** Characters that may be on at a time before nothing more is read. */
const MOST_PENDING = 1024 * 1024;

/** Why reading ended before the stream did. */
export class LineError extends Error {}

export interface LineHandlers {
  /** Without its line break; never empty. Where it returns promises, no more is read while too much of it is on. */
  readonly line: (text: string) => void | Promise<void>;
  /** Once. `error` is null at the end of the stream. */
  readonly end: (error: Error | null) => void;
}

/** Reads lines as they come, none longer than `longest` bytes. */
export function readLines(stream: Readable, handlers: LineHandlers, longest = LONGEST_LINE): void {
  let parts: Buffer[] = [];
  let size = 0;
  let ended = false;
  let pending = 0;
  const hold = (length: number, taken: Promise<void>): void => {
    const settle = (): void => {
      pending -= length;
      if (pending <= MOST_PENDING && !ended) stream.resume();
    };
    pending += length;
    if (pending > MOST_PENDING) stream.pause();
    taken.then(settle, settle);
  };
  const end = (error: Error | null): void => {
    if (ended) return;
    ended = true;
    parts = [];
    handlers.end(error);
  };
  const tooLong = (): void => {
    end(new LineError(`a message is longer than ${longest} bytes`));
    stream.destroy();
  };
  stream.on("data", (chunk: Buffer) => {
    let from = 0;
    for (;;) {
      if (ended) return;
      const at = chunk.indexOf(10, from);
      const rest = at < 0 ? chunk.subarray(from) : chunk.subarray(from, at);
      size += rest.length;
      if (size > longest) return tooLong();
      if (at < 0) {
        if (rest.length > 0) parts.push(rest);
        return;
      }
      const text = (parts.length === 0 ? rest : Buffer.concat([...parts, rest])).toString("utf8").trim();
      parts = [];
      size = 0;
      from = at + 1;
      const taken = text === "" ? undefined : handlers.line(text);
      if (taken !== undefined) hold(text.length, taken);
    }
  });
  stream.once("error", (error) => end(error));
  stream.once("close", () => end(null));
  stream.once("end", () => end(null));
}

/** Settles when the stream has room again. Errors: of the stream. */
export function writeLine(stream: Writable, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(`${text}\n`, (error) => {
      if (error == null) resolve();
      else reject(error);
    });
  });
}
