import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import type { AbsolutePath } from "../../policy/index.ts";
import { kindOf, linkTarget, lookAt, namesIn, readSmall } from "./disk.ts";

interface Owned {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** A small tree as it stood, to be compared with and put back. */
export type Snapshot =
  | ({ readonly kind: "file"; readonly text: string } & Owned)
  | { readonly kind: "symlink"; readonly target: string }
  | ({ readonly kind: "directory"; readonly entries: ReadonlyMap<string, Snapshot> } & Owned);

const fileLimit = 1024 * 1024;
const entryLimit = 256;
const depthLimit = 4;

/** Null for what is not there, is of another kind, or is too large to keep in memory. */
export function takeSnapshot(path: string, depth = 0): Snapshot | null {
  const stats = lookAt(path);
  const kind = kindOf(stats);
  if (stats === null) return null;
  const owned = { mode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid };
  if (kind === "symlink") {
    const target = linkTarget(path);
    return target === null ? null : { kind, target };
  }
  if (kind === "file") {
    const text = readSmall(path, fileLimit);
    return text === null ? null : { kind, text, ...owned };
  }
  if (kind !== "directory" || depth >= depthLimit) return null;
  const names = namesIn(path);
  if (names === null || names.length > entryLimit) return null;
  const entries = new Map<string, Snapshot>();
  for (const name of names) {
    const entry = takeSnapshot(`${path}/${name}`, depth + 1);
    if (entry !== null) entries.set(name, entry);
  }
  return { kind, entries, ...owned };
}

export function sameSnapshot(one: Snapshot | null, other: Snapshot | null): boolean {
  if (one === null || other === null || one.kind !== other.kind) return one === other;
  if (one.kind === "symlink") return other.kind === "symlink" && one.target === other.target;
  if (one.kind === "file") return other.kind === "file" && one.text === other.text && one.mode === other.mode;
  if (other.kind !== "directory" || one.entries.size !== other.entries.size) return false;
  return [...one.entries].every(([name, entry]) => sameSnapshot(entry, other.entries.get(name) ?? null));
}

/** Makes the tree anew at a place where nothing stands. Errors: what the system says. */
export function putBack(place: string, snapshot: Snapshot): void {
  if (snapshot.kind === "symlink") return symlinkSync(snapshot.target, place);
  if (snapshot.kind === "file") writeFileSync(place, snapshot.text, { encoding: "latin1", flag: "wx", mode: 0o600 });
  else {
    mkdirSync(place, { mode: 0o700 });
    for (const [name, entry] of snapshot.entries) putBack(`${place}/${name}`, entry);
  }
  if (process.getuid?.() === 0) chownSync(place, snapshot.uid, snapshot.gid);
  chmodSync(place, snapshot.mode);
}

/** What a watched path was at the start. */
export interface Guarded {
  readonly path: AbsolutePath;
  readonly root: AbsolutePath;
  readonly snapshot: Snapshot;
}
