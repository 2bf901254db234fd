import { lstatSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import type { AbsolutePath } from "../../policy/index.ts";
import { requireAllowed } from "./authority.ts";
import type { Authority } from "./authority.ts";
import { kindOf, mostBytes, readBytes, readWhole, requireFile, sha256, textOf } from "./bytes.ts";
import type { FileKind } from "./bytes.ts";
import { closing, permits, reopen } from "./descriptor.ts";
import { denied, invalid, missing, tooLarge, translated, unsupported } from "./refusal.ts";
import type { FileRoot } from "./root.ts";
import { walk } from "./walk.ts";
import type { Found } from "./walk.ts";

/** A place below a root, and how the caller wrote it. */
export interface Asked {
  readonly root: FileRoot;
  readonly names: readonly string[];
  readonly shown: string;
}

export interface ReadFile {
  /** Without symlinks. */
  readonly path: AbsolutePath;
  readonly bytes: Buffer;
  /** Of the whole file. */
  readonly size: number;
  /** Of the whole file; null where a part was read. */
  readonly sha256: string | null;
  readonly mode: number;
  /** Another one when the file was written since. */
  readonly version: string;
}

export interface ReadRange {
  readonly offset?: number;
  readonly limit?: number;
}

/** Reads a regular file, or a part of it. Errors: `SessionError`s of the walk, of the policy, `unsupported`, `too_large`. */
export function readFile(authority: Authority, asked: Asked, range: ReadRange = {}): ReadFile {
  const found = walk(asked.root, asked.names, asked.shown);
  try {
    return readFound(authority, asked, found, range);
  } catch (error) {
    throw translated(error, asked.shown);
  } finally {
    found.close();
  }
}

/** The same of what was walked to already. */
export function readFound(authority: Authority, asked: Asked, found: Found, range: ReadRange = {}): ReadFile {
  const { shown, root } = asked;
  requireAllowed(authority, ["read"], found.path, shown);
  if (found.entry === null) throw missing(shown);
  const { fd, stats } = found.entry;
  requireFile(stats, shown);
  if (!permits(fd, stats, "read", root.identity)) throw denied(shown, "is closed to the program's user", null);
  if (stats.nlink > 1n) {
    root.own.refuseTwin(stats, shown);
    requireNoDeniedTwin(authority, stats, shown);
  }
  const isWhole = range.offset === undefined && range.limit === undefined;
  const bytes = closing(reopen(fd), (open) =>
    isWhole ? readWhole(open, stats, shown) : readBytes(open, ...partOf(stats, range)),
  );
  return {
    path: found.path,
    bytes,
    size: Number(stats.size),
    sha256: isWhole ? sha256(bytes) : null,
    mode: Number(stats.mode) & 0o777,
    version: versionOf(stats),
  };
}

export function versionOf({ ino, size, mtimeNs }: BigIntStats): string {
  return `${ino}:${size}:${mtimeNs}`;
}

/** A second name of a file that the policy denies by its first. */
function requireNoDeniedTwin(authority: Authority, stats: BigIntStats, shown: string): void {
  const twin = authority.denied?.().find((path) => {
    try {
      const other = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      return other?.ino === stats.ino && other.dev === stats.dev;
    } catch {
      return false; // on a path that we cannot search either
    }
  });
  if (twin !== undefined) throw denied(shown, "is a hard link to a file that the policy denies", null);
}

function partOf(stats: BigIntStats, { offset = 0, limit }: ReadRange): [offset: number, length: number] {
  const left = Math.max(0, Number(stats.size) - offset);
  const length = Math.min(limit ?? left, left);
  if (length > mostBytes) throw tooLarge(`a part of ${length} bytes is asked for`, `at most ${mostBytes} at once`);
  return [offset, length];
}

export interface DecodedText {
  readonly text: string;
  /** Bytes that the text stands for: a character that a part cuts at its end is left for the next part. */
  readonly bytes: number;
}

/** Errors: `unsupported` where it is no UTF-8, `invalid_params` where a part begins within a character. */
export function decodeText({ bytes, size }: ReadFile, offset: number, shown: string): DecodedText {
  const isEnd = offset + bytes.length >= size;
  const kept = isEnd ? bytes.length : wholeCharacters(bytes);
  const text = textOf(bytes.subarray(0, kept));
  if (text !== null) return { text, bytes: kept };
  if (offset > 0 && isContinuation(bytes[0])) {
    throw invalid(`offset ${offset} of ${JSON.stringify(shown)} stands within a character`);
  }
  throw unsupported(shown, "is not UTF-8 text", 'ask for it with encoding "base64"');
}

function wholeCharacters(bytes: Buffer): number {
  let at = bytes.length;
  // A character has four bytes at most.
  while (at > 0 && bytes.length - at < 3 && isContinuation(bytes[at - 1])) at -= 1;
  const lead = bytes[at - 1] ?? 0;
  const needed = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return at > 0 && bytes.length - at + 1 < needed ? at - 1 : bytes.length;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

export interface FileStatus {
  readonly path: AbsolutePath;
  readonly kind: FileKind;
  readonly size: number;
  readonly mode: number;
  /** ISO 8601, UTC. */
  readonly modified: string;
}

/** What is known of a file or directory without opening it; symlinks are followed as for reading. */
export function statFile(authority: Authority, { root, names, shown }: Asked): FileStatus {
  const found = walk(root, names, shown);
  try {
    requireAllowed(authority, ["list"], found.path, shown);
    if (found.entry === null) throw missing(shown);
    const { stats } = found.entry;
    return {
      path: found.path,
      kind: kindOf(stats),
      size: Number(stats.size),
      mode: Number(stats.mode) & 0o7777,
      modified: stats.mtime.toISOString(),
    };
  } finally {
    found.close();
  }
}
