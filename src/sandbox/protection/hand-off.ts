import { handOffCategory } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { HandOff } from "../outcome.ts";
import { childPath, lookAt } from "./disk.ts";
import { clockSlack } from "./repairer.ts";
import type { Scan } from "./scan.ts";
import { defaultBounds, walk } from "./walk.ts";
import type { WalkBounds } from "./walk.ts";

const most = 1000;

/** Git's own bookkeeping: many files, none of which anything executes. */
const bookkeeping: ReadonlySet<string> = new Set(["objects", "refs", "logs"]);

/**
 * Files made or changed since `since` (milliseconds since the epoch) that the host may come to execute or obey, a
 * thousand at most. It goes by the change time of the inode, which no program can set. Symlinks are listed as files
 * and not followed.
 */
export function handOff(
  roots: readonly AbsolutePath[],
  since: number,
  before: Pick<Scan, "repositories">,
  bounds: Partial<WalkBounds> = {},
): readonly HandOff[] {
  const from = since - clockSlack;
  const found: HandOff[] = [];
  const gitDirs = new Set(before.repositories.flatMap(({ gitDir, commonDir }) => [gitDir, commonDir]));
  for (const root of roots) {
    walk([root], { ...defaultBounds, ...bounds }, (directory, entries) => {
      for (const entry of entries) {
        if (found.length >= most) break;
        if (!entry.isFile() && !entry.isSymbolicLink()) continue;
        const path = childPath(directory, entry.name);
        const stats = lookAt(path);
        if (stats === null || stats.ctimeMs < from) continue;
        const list = handOffCategory(path.slice(root.length + 1));
        if (list === null) continue;
        found.push({ path, category: list.category, change: stats.birthtimeMs >= from ? "made" : "changed" });
      }
      const inGit = directory.endsWith("/.git") || gitDirs.has(directory);
      return (name) => !inGit || !bookkeeping.has(name);
    });
  }
  return found;
}
