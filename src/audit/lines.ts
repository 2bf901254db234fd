import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { escapeText, SandboxedError } from "../policy/index.ts";

/** No record comes near; a longer line is not one. */
const longest = 32 * 1024 * 1024;

/** A line without its newline; `complete` is false for what follows the last newline. */
export interface Line {
  readonly bytes: Buffer;
  readonly complete: boolean;
}

/**
 * The lines of a file as it was when reading began. Refuses what is no plain file, symlinks included. A line beyond all
 * measure ends the reading with its first bytes, which no reader takes for a record.
 */
export function* readLines(path: string): Generator<Line, void, void> {
  const file = openPlain(path);
  try {
    const total = fstatSync(file).size;
    const chunk = Buffer.alloc(Math.min(64 * 1024, Math.max(total, 1)));
    let rest: Buffer[] = [];
    let restSize = 0;
    let offset = 0;
    while (offset < total) {
      const count = readSync(file, chunk, 0, Math.min(chunk.length, total - offset), offset);
      if (count === 0) break;
      offset += count;
      let from = 0;
      for (let end = newline(chunk, from, count); end !== -1; end = newline(chunk, from, count)) {
        yield { bytes: Buffer.concat([...rest, chunk.subarray(from, end)]), complete: true };
        rest = [];
        restSize = 0;
        from = end + 1;
      }
      if (from === count) continue;
      rest.push(Buffer.from(chunk.subarray(from, count)));
      restSize += count - from;
      if (restSize > longest) {
        yield { bytes: Buffer.concat(rest).subarray(0, 1024), complete: true };
        return;
      }
    }
    if (restSize > 0) yield { bytes: Buffer.concat(rest), complete: false };
  } finally {
    closeSync(file);
  }
}

function newline(chunk: Buffer, from: number, end: number): number {
  const found = chunk.indexOf(0x0a, from);
  return found < end ? found : -1;
}

function openPlain(path: string): number {
  let file: number;
  try {
    // Without O_NONBLOCK a FIFO in its place would hang the reader.
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SandboxedError("journal_broken", `cannot read ${escapeText(path)}: ${escapeText(why)}`, { cause: error });
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new SandboxedError("journal_broken", `${escapeText(path)} is not a plain file`);
}
