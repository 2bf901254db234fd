import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  readlinkSync,
  realpathSync,
} from "node:fs";
import type { Stats } from "node:fs";
import { codeOf, normalise } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { PathKind } from "../facts.ts";

/** The entry itself, never what a symlink points to; null when it is not there or cannot be reached. */
export function lookAt(path: string): Stats | null {
  const found = reach(path);
  return found === "closed" ? null : found;
}

/** The same, but `closed` where it cannot be told what is there, since a directory on the way is closed to us. */
export function reach(path: string): Stats | "closed" | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    // Anything else: a component is a file, a loop, or too long.
    return codeOf(error) === "EACCES" ? "closed" : null;
  }
}

export function kindOf(stats: Stats | null): PathKind {
  if (stats === null) return "missing";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFile()) return "file";
  if (stats.isSocket()) return "socket";
  return stats.isFIFO() ? "fifo" : "device";
}

/**
 * The bytes of a small regular file as Latin-1, so that writing them back changes none. Null for anything else:
 * a symlink, a FIFO, a device, a larger file, a file that cannot be read.
 */
export function readSmall(path: string, limit: number): string | null {
  return lookAt(path) === null ? null : readThere(path, limit); // most are missing, and an exception costs more than a look
}

/** The same of what was looked at. */
export function readThere(path: string, limit: number): string | null {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > limit) return null;
    const bytes = Buffer.allocUnsafe(Math.min(limit, stats.size) + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytes.length; length += got) {
      got = readSync(fd, bytes, length, bytes.length - length, null);
    }
    // One byte more than the file had when it was opened: it grew, so it is not one file's bytes.
    return length === bytes.length ? null : bytes.toString("latin1", 0, length);
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

/** Text that `readSmall` gave, read as what it is for paths and names. */
export function asUtf8(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}

/** Every symlink resolved; null when that fails, which callers take as "not there". */
export function canonicalPath(path: string): AbsolutePath | null {
  if (lookAt(path) === null) return null; // see readSmall
  try {
    return normalise(realpathSync.native(path));
  } catch {
    return null;
  }
}

/** What a directory holds; null when it cannot be listed. */
export function namesIn(path: string): readonly string[] | null {
  try {
    return readdirSync(path);
  } catch {
    return null;
  }
}

export function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

/** `name` is one component as a directory listing gives it: it may hold anything but a slash and NUL. */
export function childPath(directory: AbsolutePath, name: string): AbsolutePath {
  const path = directory === "/" ? `/${name}` : `${directory}/${name}`;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one more component keeps the form
  return path as AbsolutePath;
}
