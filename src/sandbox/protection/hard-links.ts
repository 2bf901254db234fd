import type { Dirent } from "node:fs";
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
 * are searched only when some file has more than one name, which is rare.
 */
export function hardLinks(paths: readonly AbsolutePath[], roots: readonly AbsolutePath[]): readonly HardLink[] {
  const suspects = new Map<string, { path: AbsolutePath; names: number; aliases: AbsolutePath[] }>();
  for (const path of paths) {
    for (const file of filesAt(path)) {
      const inode = inodeOf(file);
      if (inode !== null && !suspects.has(inode))
        suspects.set(inode, { path: file, names: lookAt(file)?.nlink ?? 0, aliases: [] });
    }
  }
  if (suspects.size === 0) return [];
  const covered = (path: AbsolutePath): boolean => paths.some((each) => isWithin(path, each));
  const { complete } = walk(roots, defaultBounds, (directory, entries) => {
    for (const entry of entries) {
      const path = childPath(directory, entry.name);
      const inode = entry.isFile() && !covered(path) ? inodeOf(path) : null;
      if (inode !== null) suspects.get(inode)?.aliases.push(path);
    }
    return () => true;
  });
  return [...suspects.values()]
    .filter(({ aliases }) => aliases.length > 0 || !complete)
    .map(({ path, names, aliases }) => ({ path, aliases, complete: complete && aliases.length === names - 1 }));
}

/** The inode of a file with more than one name. */
function inodeOf(path: AbsolutePath): string | null {
  const stats = lookAt(path);
  return stats?.isFile() === true && stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : null;
}

function filesAt(path: AbsolutePath): readonly AbsolutePath[] {
  if (lookAt(path)?.isDirectory() !== true) return [path];
  const files: AbsolutePath[] = [];
  walk([path], { limit: filesLimit, skip: new Set() }, (directory, entries: readonly Dirent[]) => {
    for (const entry of entries) if (entry.isFile()) files.push(childPath(directory, entry.name));
    return () => false;
  });
  return files;
}
