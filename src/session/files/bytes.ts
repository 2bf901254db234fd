import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import type { Descriptor } from "./descriptor.ts";
import { conflict, tooLarge, unsupported } from "./refusal.ts";

/** Of one call: what travels on the channel is text, and somebody holds all of it in memory. */
export const mostBytes = 8 * 1024 * 1024;

/** Of one text that is patched or compared: while that goes on, nothing else does, the limits of the run included. */
export const mostLines = 200_000;

export function hasTooManyLines(bytes: Uint8Array): boolean {
  let breaks = 0;
  for (let at = bytes.indexOf(lineBreak); at !== -1; at = bytes.indexOf(lineBreak, at + 1)) {
    breaks += 1;
    if (breaks > mostLines) return true;
  }
  return false;
}

const lineBreak = 0x0a;

/** Errors: `unsupported` for whatever is no regular file. */
export function requireFile(stats: BigIntStats, shown: string): void {
  if (stats.isFile()) return;
  throw unsupported(shown, `is a ${kindOf(stats)}`, stats.isDirectory() ? "session.glob lists directories" : null);
}

export type FileKind = "file" | "directory" | "symlink" | "fifo" | "socket" | "device";

export function kindOf(stats: BigIntStats): FileKind {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "fifo";
  return stats.isSocket() ? "socket" : "device";
}

/**
 * `length` bytes from `offset`, fewer at the end of the file. Errors: `too_large`; `conflict` where a whole file has
 * another size than `stats` said.
 */
export function readBytes(fd: Descriptor, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  for (let got = -1; got !== 0 && filled < length; filled += got) {
    got = readSync(fd, bytes, filled, length - filled, offset + filled);
  }
  return filled === length ? bytes : bytes.subarray(0, filled);
}

/** All of a regular file. Errors: `too_large`; `conflict` where it grows or shrinks meanwhile. */
export function readWhole(fd: Descriptor, stats: BigIntStats, shown: string): Buffer {
  if (stats.size > BigInt(mostBytes)) {
    throw tooLarge(
      `${shown} has ${stats.size} bytes; at most ${mostBytes} are taken at once`,
      "read it in parts with offset and limit",
    );
  }
  const size = Number(stats.size);
  const bytes = readBytes(fd, 0, size + 1);
  if (bytes.length !== size) throw conflict(shown, "changed while it was read");
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Null where the bytes are no UTF-8. A byte order mark stays. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
