import { readdirSync, unlinkSync } from "node:fs";
import { isRunning } from "../../audit/index.ts";
import { codeOf, normalise, parentPath } from "../../policy/index.ts";
import { SessionError } from "../error.ts";
import { passingPrefix } from "./change/stage.ts";
import { closing, hold, look, named, spelled } from "./descriptor.ts";
import type { Descriptor } from "./descriptor.ts";
import { openRoot } from "./root.ts";

/**
 * Removes what a change left beside `paths` when its process, `pid`, was killed in the middle of it. Nothing is done while
 * a process of that number lives. Returns how many files were removed.
 */
export function sweepLeftovers(pid: number, paths: readonly string[]): number {
  if (isRunning(pid)) return 0;
  const directories = new Set(paths.flatMap((path) => normalise(path) ?? []).map(parentPath));
  let removed = 0;
  for (const path of directories) {
    try {
      const root = openRoot(path);
      try {
        removed += sweep(root.fd, `${passingPrefix}${pid}-`);
      } finally {
        root.close();
      }
    } catch (error) {
      // Gone by now, reached through a link, or closed to us: what lies there stays.
      if (!(error instanceof SessionError) && codeOf(error) === null) throw error;
    }
  }
  return removed;
}

function sweep(directory: Descriptor, prefix: string): number {
  let removed = 0;
  for (const name of readdirSync(spelled(directory))) {
    if (!name.startsWith(prefix) || !closing(hold(directory, name), (fd) => look(fd).isFile())) continue;
    unlinkSync(named(directory, name));
    removed += 1;
  }
  return removed;
}
