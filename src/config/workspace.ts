import { lstatSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The directory whose project file counts: the nearest one upwards from `cwd` that holds a `.git` or a `.sandboxed`,
 * else `cwd`. It grants nothing: what the project says narrows. The home directory and what is above it are not looked
 * at unless `cwd` is there.
 */
export function findWorkspace(cwd: string, home: string): string {
  for (let at = cwd; at !== home; at = dirname(at)) {
    if (exists(join(at, ".git")) || exists(join(at, ".sandboxed"))) return at;
    if (at === dirname(at)) break;
  }
  return cwd;
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
