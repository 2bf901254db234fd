import { fchownSync, lstatSync, mkdirSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { knownNormal } from "../../../policy/index.ts";
import type { PathOperation } from "../../../policy/index.ts";
import { requireAllowed } from "../authority.ts";
import type { Authority } from "../authority.ts";
import { readWhole, requireFile, sha256 } from "../bytes.ts";
import { closing, hold, look, named, permits, reopen } from "../descriptor.ts";
import type { Descriptor, Identity } from "../descriptor.ts";
import { conflict, denied, missing } from "../refusal.ts";
import { isSame } from "../root.ts";
import { walk } from "../walk.ts";
import type { Found } from "../walk.ts";
import type { FileChange } from "./model.ts";

/** A directory that was made on the way. */
export interface MadeDirectory {
  readonly directory: Descriptor;
  readonly name: string;
}

/** What the policy has to allow for a change: its name is given to another file than before. */
export function operationsOf({ before, after }: Pick<FileChange, "before" | "after">): readonly PathOperation[] {
  if (before === null) return ["create", "write", "move"];
  return after === null ? ["read", "write", "move"] : ["read", "create", "write", "move"];
}

/** Walks to where the change is to happen and sees that all is as it was planned. Errors: see `requireTarget`. */
export function openTarget(authority: Authority, change: FileChange, made: (one: MadeDirectory) => void): Found {
  const { root, names, shown } = change.asked;
  let found = walk(root, names, shown, false);
  try {
    if (found.path !== change.path) throw conflict(shown, "is reached through other directories than before");
    requireAllowed(authority, operationsOf(change), found.path, shown);
    if (found.entry === null && found.rest.length > 1 && change.before === null) {
      found = makeWay(authority, change, found, made);
    }
    requireTarget(change, found);
    return found;
  } catch (error) {
    found.close();
    throw error;
  }
}

/** Makes the directories that are missing, one by one, each in the one held before. */
function makeWay(
  authority: Authority,
  { asked: { root, names, shown } }: FileChange,
  start: Found,
  made: (one: MadeDirectory) => void,
): Found {
  let found = start;
  while (found.entry === null && found.rest.length > 1) {
    const { directory, rest, path } = found;
    const [name = ""] = rest;
    const below = rest.slice(1).join("/").length + 1;
    requireAllowed(authority, ["create"], knownNormal(path.slice(0, -below)), shown);
    requireWritable(found, root.identity, shown);
    const since = BigInt(Date.now() - CLOCK_STEP) * 1_000_000n;
    mkdirSync(named(directory, name));
    made({ directory, name });
    if (root.identity !== null) giveAway(directory, name, root.identity, since);
    const next = walk(root, names, shown, false);
    found.close();
    found = next;
  }
  return found;
}

/** Times of files lag behind the clock by one tick of the kernel's, in milliseconds. */
const CLOCK_STEP = 20;

/** Somebody may have put another directory of root's under the name: only one that is new belongs to the program. */
function giveAway(directory: Descriptor, name: string, { uid, gid }: Identity, since: bigint): void {
  closing(hold(directory, name), (held) => {
    const stats = look(held);
    if (!stats.isDirectory() || stats.birthtimeNs < since) return;
    closing(reopen(held), (fd) => fchownSync(fd, uid, (stats.mode & 0o2000n) === 0n ? gid : Number(stats.gid)));
  });
}

/** Errors: `not_found`, `conflict`, `unsupported`, `policy_denied`. */
export function requireTarget({ asked, before }: FileChange, found: Found): void {
  const { shown, root } = asked;
  if (found.rest.length !== 1 || found.name === "") throw missing(shown);
  requireWritable(found, root.identity, shown);
  if (before === null) {
    if (found.entry !== null) throw conflict(shown, "exists already");
    return;
  }
  if (found.entry === null) throw missing(shown);
  const { fd, stats } = found.entry;
  requireFile(stats, shown);
  if (!permits(fd, stats, "write", root.identity)) throw denied(shown, "is closed to the program's user", null);
}

function requireWritable({ directory }: Found, identity: Identity | null, shown: string): void {
  const stats = look(directory);
  const isOpen = permits(directory, stats, "write", identity) && permits(directory, stats, "search", identity);
  if (!isOpen) throw denied(shown, "stands in a directory that is closed to the program's user", null);
}

/** Errors: `conflict` where the held file does not have the bytes that the change was planned with. */
export function requireUnchanged({ asked: { shown }, before }: FileChange, { entry }: Found): BigIntStats | null {
  if (before === null || entry === null) return null;
  const stats = look(entry.fd);
  const bytes = closing(reopen(entry.fd), (fd) => readWhole(fd, stats, shown));
  if (sha256(bytes) !== before.sha256) throw changed(shown);
  return stats;
}

/** Errors: `conflict` where the name means another file by now, or the file was written. */
export function requireStill({ asked: { shown } }: FileChange, { directory, name }: Found, stats: BigIntStats): void {
  const now = lstatSync(named(directory, name), { bigint: true, throwIfNoEntry: false });
  if (now === undefined || !isSame(now, stats) || now.ctimeNs !== stats.ctimeNs) throw changed(shown);
}

export function changed(shown: string): Error {
  return conflict(shown, "changed since it was read", "read it again");
}
