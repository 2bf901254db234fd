import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from "node:fs";
import type { BigIntStats, Dirent } from "node:fs";
import { codeOf, knownNormal, normalise, parentPath, rootPath } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Identity, PathKind } from "../../facts.ts";
import { aliasesOf, coversOf, LARGEST_TABLE, mountTable, readMounts } from "./mounts.ts";
import type { Mount } from "./mounts.ts";
import { boundSockets } from "./sockets.ts";

export interface Look {
  readonly kind: PathKind;
  readonly identity: Identity | null;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits; 0 for what is missing. */
  readonly mode: number;
  /** When a file's inode last changed, in nanoseconds: nobody can set it back. Empty for a directory. */
  readonly changed: string;
}

/** What is read of the host's files. Nothing here throws: what cannot be read is not there. */
export interface Disk {
  /** Does not follow a symlink in the last component. */
  readonly look: (path: AbsolutePath) => Look;
  /**
   * Symlinks resolved as far as the path exists, the missing rest kept; a dangling link stands for its target.
   * Null where that cannot be found out: a loop, a directory that may not be searched, a name too long, a name that
   * is not UTF-8. Callers deny; nobody goes on with the unresolved spelling.
   */
  readonly canonical: (path: AbsolutePath) => AbsolutePath | null;
  /** What a directory holds, by name; empty when it cannot be read. */
  readonly list: (path: AbsolutePath) => ReadonlyMap<string, PathKind>;
  /** Where a symlink points, as written. */
  readonly link: (path: AbsolutePath) => string | null;
  /** A regular file of at most `limit` bytes; symlinks are followed, a FIFO does not block. */
  readonly text: (path: AbsolutePath, limit?: number) => string | null;
  /** Whether a path, symlinks followed, could be executed by this user. */
  readonly program: (path: AbsolutePath) => ProgramKind;
  /** What is mounted at a path and below it. */
  readonly covers: (path: AbsolutePath) => readonly string[];
  /** Other paths to a canonical one and into it, by mounts; itself among them. */
  readonly aliases: (path: AbsolutePath) => readonly AbsolutePath[];
  /** Pathname sockets that somebody listens on, see `boundSockets`. */
  readonly sockets: () => readonly AbsolutePath[];
}

export type ProgramKind = "executable" | "file" | "directory" | "missing";

const TEXT_LIMIT = 64 * 1024;
const SMALLEST_BUFFER = 8 * 1024;
const LONGEST_NAME = 255;
const LONGEST_PATH = 4095;
const MOST_LINKS = 40;

/** What is known of the names that were met on the way to a canonical form. */
export type KnownNames = ReadonlyMap<AbsolutePath, Found | null>;

/** A canonical path, and what stands there. */
export interface Found {
  readonly path: AbsolutePath;
  readonly is: "directory" | "other" | "missing";
}

/** The real disk. Canonical forms are remembered: all facts of one gathering agree with each other. */
export function openDisk(): Disk & { readonly known: KnownNames; readonly mountTable: () => string } {
  const known = new Map<AbsolutePath, Found | null>();
  const find = (path: AbsolutePath): Found | null => {
    const found = known.get(path);
    if (found !== undefined) return found;
    const real = path === rootPath ? root : findBelow(path, find(parentPath(path)));
    known.set(path, real);
    return real;
  };
  const canonical = (path: AbsolutePath): AbsolutePath | null => find(path)?.path ?? null;
  let table: string | null = null;
  const tableText = (): string => (table ??= text(mountTable, LARGEST_TABLE) ?? "");
  let mounts: readonly Mount[] | null = null;
  const mounted = (): readonly Mount[] => (mounts ??= readMounts(tableText()));
  const disk = {
    look,
    link,
    list,
    text,
    program,
    canonical,
    known,
    covers: (path: AbsolutePath) => coversOf(path, mounted()),
    aliases: (path: AbsolutePath) => aliasesOf(path, mounted()),
    sockets: () => boundSockets(disk),
    mountTable: tableText,
  };
  return disk;
}

const MISSING: Look = { kind: "missing", identity: null, uid: -1, gid: -1, mode: 0, changed: "" };

function look(path: AbsolutePath): Look {
  const stat = attempt(() => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
  if (stat === undefined || stat === null) return MISSING;
  return {
    kind: kindOf(stat),
    // Node.js takes the upper half of these numbers, which overlays use, for negative ones.
    identity: { dev: String(BigInt.asUintN(64, stat.dev)), ino: String(BigInt.asUintN(64, stat.ino)) },
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mode: Number(stat.mode & 0o7777n),
    changed: stat.isDirectory() ? "" : String(stat.ctimeNs),
  };
}

function kindOf(stat: BigIntStats | Dirent): PathKind {
  if (stat.isDirectory()) return "directory";
  if (stat.isFile()) return "file";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isSocket()) return "socket";
  return stat.isFIFO() ? "fifo" : "device";
}

function link(path: AbsolutePath): string | null {
  return attempt(() => readlinkSync(path));
}

function list(path: AbsolutePath): ReadonlyMap<string, PathKind> {
  const entries = attempt(() => readdirSync(path, { withFileTypes: true })) ?? [];
  return new Map(entries.map((entry) => [entry.name, kindOf(entry)]));
}

function text(path: AbsolutePath, limit = TEXT_LIMIT): string | null {
  return attempt(() => {
    // Most files asked for are not there, and an exception costs ten times a look.
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return null;
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      const stat = fstatSync(descriptor);
      if (!stat.isFile() || stat.size > limit) return null;
      return readAll(descriptor, stat.size, limit);
    } finally {
      closeSync(descriptor);
    }
  });
}

function program(path: AbsolutePath): ProgramKind {
  const stat = attempt(() => statSync(path, { throwIfNoEntry: false }));
  if (stat === undefined || stat === null) return "missing";
  if (stat.isDirectory()) return "directory";
  try {
    accessSync(path, constants.X_OK);
    return "executable";
  } catch {
    return "file";
  }
}

/** Reads to the end whatever the size says: files of /proc say 0 and have contents all the same. */
function readAll(descriptor: number, size: number, limit: number): string | null {
  let buffer = Buffer.allocUnsafe(Math.max(size + 1, SMALLEST_BUFFER));
  let length = 0;
  for (;;) {
    const got = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (got === 0) return buffer.toString("utf8", 0, length);
    length += got;
    if (length > limit) return null;
    if (length === buffer.length) buffer = Buffer.concat([buffer], length * 2);
  }
}

const root: Found = { path: rootPath, is: "directory" };

/** One look at one name in a directory whose canonical form is known; only a symlink takes more. */
function findBelow(path: AbsolutePath, parent: Found | null): Found | null {
  if (parent === null || parent.is === "other") return null;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const at = knownNormal(parent.path === rootPath ? `/${name}` : `${parent.path}/${name}`);
  try {
    const stat = parent.is === "missing" ? undefined : lstatSync(at, { throwIfNoEntry: false });
    if (stat === undefined) return missing(parent.path, [name]) === null ? null : { path: at, is: "missing" };
    if (!stat.isSymbolicLink()) return { path: at, is: stat.isDirectory() ? "directory" : "other" };
    const real = followed(at);
    return real === null ? null : { path: real, is: kindAt(real) };
  } catch {
    return null;
  }
}

function kindAt(path: AbsolutePath): Found["is"] {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return "missing";
  return stat.isDirectory() ? "directory" : "other";
}

function followed(at: AbsolutePath): AbsolutePath | null {
  try {
    return fromBytes(realpathSync.native(at, "buffer"));
  } catch (error) {
    return codeOf(error) === "ENOENT" ? throughMissing(at) : null;
  }
}

/** A path the kernel gave as bytes; null when it is not UTF-8, because no string could name it again. */
function fromBytes(bytes: Buffer): AbsolutePath | null {
  const path = bytes.toString("utf8");
  if (path.includes("\uFFFD") && !bytes.equals(Buffer.from(path, "utf8"))) return null;
  return normalise(path);
}

/** Walks name by name, as the kernel would, up to the first that is missing. */
function throughMissing(path: AbsolutePath): AbsolutePath | null {
  const ahead = path.split("/").filter((name) => name !== "");
  let at: string = rootPath;
  let links = 0;
  for (let name = ahead.shift(); name !== undefined; name = ahead.shift()) {
    if (name === "..") {
      at = at.slice(0, at.lastIndexOf("/")) || rootPath;
      continue;
    }
    const next = at === rootPath ? `/${name}` : `${at}/${name}`;
    let stat;
    try {
      stat = lstatSync(next, { throwIfNoEntry: false });
    } catch {
      return null;
    }
    if (stat === undefined) return missing(next, ahead);
    if (!stat.isSymbolicLink()) {
      at = next;
      continue;
    }
    const target = attempt(() => readlinkSync(next));
    if (target === null || target.includes("\uFFFD") || ++links > MOST_LINKS) return null;
    ahead.unshift(...target.split("/").filter((part) => part !== "" && part !== "."));
    if (target.startsWith("/")) at = rootPath;
  }
  return normalise(at);
}

/** A missing name keeps its rest, but nothing can be said about a way back out of it. */
function missing(at: string, rest: readonly string[]): AbsolutePath | null {
  if (rest.includes("..") || rest.some((name) => Buffer.byteLength(name) > LONGEST_NAME)) return null;
  const whole = [at === rootPath ? "" : at, ...rest].join("/");
  return Buffer.byteLength(whole) > LONGEST_PATH ? null : normalise(whole);
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
