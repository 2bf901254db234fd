import { opendirSync, readdirSync } from "node:fs";
import type { Dirent } from "node:fs";
import type { AbsolutePath } from "../../policy/index.ts";
import { childPath, reach } from "./disk.ts";

export interface WalkBounds {
  /** Directory entries looked at, over all roots. */
  readonly limit: number;
  /** Names of directories that are not entered. */
  readonly skip: ReadonlySet<string>;
}

export const defaultBounds: WalkBounds = { limit: 20_000, skip: new Set(["node_modules"]) };

export interface WalkEnd {
  /** False when the bound cut the walk short. */
  readonly complete: boolean;
  /** Directories that could not be read, and names that are not text. */
  readonly unreadable: readonly AbsolutePath[];
  /** Other file systems mounted below a root: their top directory was read, nothing beneath it. */
  readonly mounts: readonly AbsolutePath[];
}

/** Says which of a directory's subdirectories to enter. */
export type Visit = (directory: AbsolutePath, entries: readonly Dirent[]) => (name: string) => boolean;

/** A listing above this size on disk is read in pieces, so that one huge directory cannot hold up a start. */
const largeListing = 256 * 1024;

/**
 * Breadth first over directories, shallow before deep, never through a symlink. Paths that vanish or change while
 * walking are passed over: what it reports is a look, and whoever acts on it looks again.
 */
export function walk(roots: readonly AbsolutePath[], bounds: WalkBounds, visit: Visit): WalkEnd {
  const unreadable: AbsolutePath[] = [];
  const mounts: AbsolutePath[] = [];
  const seen = new Set<AbsolutePath>(roots);
  const queue: { path: AbsolutePath; device: number | null }[] = [...seen].map((path) => ({ path, device: null }));
  let left = bounds.limit;
  let complete = true;
  for (let at = 0; at < queue.length; at++) {
    const next = queue[at];
    if (next === undefined) break;
    if (left <= 0) return { complete: false, unreadable, mounts };
    const stats = reach(next.path);
    if (stats === "closed") unreadable.push(next.path);
    if (stats === null || stats === "closed" || !stats.isDirectory()) continue;
    const crossed = next.device !== null && next.device !== stats.dev;
    if (crossed) mounts.push(next.path);
    const entries = listing(next.path, stats.size, left);
    if (entries === null) {
      unreadable.push(next.path);
      continue;
    }
    if (entries.length > left) {
      complete = false;
      entries.length = left;
    }
    left -= entries.length;
    const enter = visit(next.path, entries);
    if (crossed) continue;
    for (const entry of entries) {
      if (!entry.isDirectory() || bounds.skip.has(entry.name)) continue;
      const path = childPath(next.path, entry.name);
      if (entry.name.includes("\uFFFD")) unreadable.push(path);
      else if (!seen.has(path) && enter(entry.name)) {
        seen.add(path);
        queue.push({ path, device: stats.dev });
      }
    }
  }
  return { complete, unreadable, mounts };
}

/** At most one entry more than `most`, null when the directory cannot be read. */
function listing(path: AbsolutePath, size: number, most: number): Dirent[] | null {
  try {
    if (size < largeListing) return readdirSync(path, { withFileTypes: true });
    const directory = opendirSync(path, { bufferSize: 1024 });
    try {
      const entries: Dirent[] = [];
      for (let entry = directory.readSync(); entry !== null && entries.length <= most; entry = directory.readSync()) {
        entries.push(entry);
      }
      return entries;
    } finally {
      directory.closeSync();
    }
  } catch {
    return null;
  }
}
