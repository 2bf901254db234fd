import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  linkSync,
  openSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { BigIntStats } from "node:fs";
import { randomBytes } from "node:crypto";
import { codeOf } from "../../../policy/index.ts";
import { closing, hold, look, named } from "../descriptor.ts";
import type { Descriptor, Identity } from "../descriptor.ts";
import { isSame } from "../root.ts";
import type { Permissions } from "./model.ts";
import { changed } from "./target.ts";

/** Begins the names of files that exist while a change is being made, and after a crash in the middle of one. */
export const passingPrefix = ".sandboxed-change-";

/** Tells whose it is: what a process left behind is known by its number. */
export function passingName(): string {
  return `${passingPrefix}${process.pid}-${randomBytes(12).toString("hex")}`;
}

export interface Staging {
  /** The file whose place it takes. */
  readonly old: BigIntStats | null;
  readonly permissions: Permissions;
  readonly identity: Identity | null;
}

/** A file of its own in the held directory, on the disk when this returns. Errors: the system's. */
export function stage(directory: Descriptor, bytes: Buffer, { old, permissions, identity }: Staging): string {
  const name = passingName();
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const bits = old === null ? permissions : Number(old.mode) & 0o777;
  // What is to be closed to others is closed from its first byte; the rest is what the umask leaves.
  const first = typeof bits === "number" ? 0o600 : bits === "executable" ? 0o777 : 0o666;
  const fd = openSync(named(directory, name), flags, first);
  try {
    for (let written = 0; written < bytes.length;) written += writeSync(fd, bytes, written);
    const owner = old === null ? newOwner(directory, identity) : { uid: Number(old.uid), gid: Number(old.gid) };
    if (owner !== null) give(fd, owner);
    if (typeof bits === "number") fchmodSync(fd, bits);
    fsyncSync(fd);
  } catch (error) {
    unlinkSync(named(directory, name));
    throw error;
  } finally {
    closeSync(fd);
  }
  return name;
}

function newOwner(directory: Descriptor, identity: Identity | null): Identity | null {
  if (identity === null) return null;
  const { mode, gid } = look(directory);
  return (mode & 0o2000n) === 0n ? identity : { uid: identity.uid, gid: Number(gid) };
}

function give(fd: Descriptor, { uid, gid }: Identity): void {
  const stats = look(fd);
  if (Number(stats.uid) === uid && Number(stats.gid) === gid) return;
  try {
    fchownSync(fd, uid, gid);
  } catch (error) {
    // Somebody else's file in a shared directory becomes the writer's, as with any editor.
    if (codeOf(error) !== "EPERM") throw error;
  }
}

/**
 * A second name for the held file, by which it comes back. Null where the file system has no second names.
 * Errors: `conflict` where the name means another file by now; the system's.
 */
export function keepBy(directory: Descriptor, name: string, entry: Descriptor, shown: string): string | null {
  const kept = passingName();
  try {
    linkSync(named(directory, name), named(directory, kept));
  } catch (error) {
    const code = codeOf(error);
    if (code === "EPERM" || code === "EOPNOTSUPP" || code === "ENOSYS" || code === "EMLINK") return null;
    throw error;
  }
  if (closing(hold(directory, kept), (fd) => isSame(look(fd), look(entry)))) return kept;
  unlinkSync(named(directory, kept));
  throw changed(shown);
}
