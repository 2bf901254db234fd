import { rmdirSync } from "node:fs";
import type { AbsolutePath } from "../../policy/index.ts";
import { lookAt } from "./disk.ts";
import { withParent } from "./held.ts";
import { placeholderMode } from "./names.ts";

/** Takes away what a guard that was killed has left: empty directories with the mode of a placeholder. */
export function removePlaceholders(paths: readonly AbsolutePath[]): void {
  for (const path of paths) withParent(path, path, removeEmpty);
}

function removeEmpty(place: string): void {
  const stats = lookAt(place);
  if (stats?.isDirectory() !== true || (stats.mode & 0o7777) !== placeholderMode) return;
  try {
    rmdirSync(place);
  } catch {
    // somebody put something into it: the sweep moves it aside
  }
}
