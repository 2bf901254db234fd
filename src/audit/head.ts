import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";

/** How far a journal had come when somebody last vouched for it. */
export interface Head {
  readonly count: number;
  /** SHA-256 of the last of those records' lines, hex. */
  readonly hash: string;
  /** The journal was closed: nothing follows. */
  readonly closed: boolean;
}

/** The hash before the first record. */
export const noHash = "0".repeat(64);

/**
 * Fixed size, below one disk sector, written over itself by one call: the head is either the old or the new one after a
 * crash, for a few microseconds and without the file-system transaction that a rename costs. Room is left for a signature.
 */
const size = 512;

/** Opens the head file for `writeHead`. The caller closes it. */
export function openHead(path: string, fresh: boolean): number {
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | (fresh ? constants.O_EXCL : 0);
  return openSync(path, flags, 0o600);
}

export function writeHead(file: number, head: Head): void {
  const text = JSON.stringify({ closed: head.closed, count: head.count, hash: head.hash });
  writeSync(file, `${text.padEnd(size - 1)}\n`, 0);
}

/** Null when the file is missing or is no head. */
export function readHead(path: string): Head | null {
  let data: unknown;
  try {
    data = JSON.parse(readSector(path));
  } catch {
    return null;
  }
  if (typeof data !== "object" || data === null) return null;
  if (!("count" in data && "hash" in data && "closed" in data)) return null;
  const { count, hash, closed } = data;
  if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0) return null;
  if (typeof hash !== "string" || !/^[0-9a-f]{64}$/.test(hash) || typeof closed !== "boolean") return null;
  return { count, hash, closed };
}

function readSector(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(size);
    return bytes.toString("latin1", 0, readSync(file, bytes, 0, size, 0));
  } finally {
    closeSync(file);
  }
}
