import type { Dirent, Stats } from "node:fs";
import { isWithin } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { childPath, lookAt } from "./disk.ts";
import { defaultBounds, walk } from "./walk.ts";

/** A file that is denied or protected by one name and free by another. */
export interface HardLink {
  readonly path: AbsolutePath;
  /** Other names of the same inode under the roots. */
  readonly aliases: readonly AbsolutePath[];
  /** False when the roots were too large to look at whole, or further names may lie elsewhere. */
  readonly complete: boolean;
}

/** Keys and tokens stand at the top of their directories; caches below them are not worth the time of every start. */
const filesLimit = 64;

/**
 * Looks for other names of denied or protected files. Directories count with the files in them (bounded). The roots
 * are searched only when some file has more than one name, which is rare. Of `suspected` alone that has to be looked at.
 */
export function hardLinks(
  paths: readonly AbsolutePath[],
  roots: readonly AbsolutePath[],
  suspected = paths,
): readonly HardLink[] {
  const suspects = new Map<string, { path: AbsolutePath; names: number; aliases: AbsolutePath[] }>();
  for (const path of suspected) {
    for (const [file, stats] of filesAt(path)) {
      const inode = inodeOf(stats);
      if (inode !== null && !suspects.has(inode)) suspects.set(inode, { path: file, names: stats.nlink, aliases: [] });
    }
  }
  if (suspects.size === 0) return [];
  const covered = (path: AbsolutePath): boolean => paths.some((each) => isWithin(path, each));
  const { complete } = walk(roots, defaultBounds, (directory, entries) => {
    for (const entry of entries) {
      const path = childPath(directory, entry.name);
      const inode = entry.isFile() && !covered(path) ? inodeOf(lookAt(path)) : null;
      if (inode !== null) suspects.get(inode)?.aliases.push(path);
    }
    return () => true;
  });
  return [...suspects.values()]
    .filter(({ aliases }) => aliases.length > 0 || !complete)
    .map(({ path, names, aliases }) => ({ path, aliases, complete: complete && aliases.length === names - 1 }));
}

/** The inode of a file with more than one name. */
function inodeOf(stats: Stats | null): string | null {
  return stats?.isFile() === true && stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : null;
}

/** What stands at a path; of a directory, what stands in it. */
function filesAt(path: AbsolutePath): readonly (readonly [path: AbsolutePath, stats: Stats])[] {
  const stats = lookAt(path);
  if (stats === null) return [];
  if (!stats.isDirectory()) return [[path, stats]];
  const files: [AbsolutePath, Stats][] = [];
  walk([path], { limit: filesLimit, skip: new Set() }, (directory, entries: readonly Dirent[]) => {
    for (const entry of entries) {
      const file = childPath(directory, entry.name);
      const found = entry.isFile() ? lookAt(file) : null;
      if (found !== null) files.push([file, found]);
    }
    return () => false;
  });
  return files;
}
