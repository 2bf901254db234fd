import { mkdirSync, rmdirSync } from "node:fs";
import { SandboxedError } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { codeOf, withParent } from "./held.ts";
import { placeholderMode } from "./names.ts";
import type { Protection } from "./protect.ts";

/**
 * Holds missing directory names with empty directories that can be mounted over. Returns those made, to be removed
 * when the run has ended; a name that somebody else made meanwhile is not among them.
 * Errors: `setup_failed`, after removing what was made.
 */
export function makePlaceholders({
  placeholders,
  paths,
}: Pick<Protection, "placeholders" | "paths">): readonly AbsolutePath[] {
  const roots = new Map(paths.map(({ path, root }) => [path, root]));
  const made: AbsolutePath[] = [];
  for (const path of placeholders) {
    const root = roots.get(path) ?? path;
    try {
      if (withParent(path, root, makeEmpty) === true) made.push(path);
    } catch (error) {
      removePlaceholders(made);
      throw new SandboxedError("setup_failed", `cannot hold the protected name ${path} with an empty directory`, {
        hint: 'make it yourself, or leave protect.missing at "watch"',
        cause: error,
      });
    }
  }
  return made;
}

/** Removes placeholders that are still empty directories; returns those that are not, which stay. */
export function removePlaceholders(made: readonly AbsolutePath[]): readonly AbsolutePath[] {
  return made.filter((path) => withParent(path, path, removeEmpty) === false);
}

function makeEmpty(place: string): boolean {
  try {
    mkdirSync(place, { mode: placeholderMode });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** False when something else stands there now. */
function removeEmpty(place: string): boolean {
  try {
    rmdirSync(place);
    return true;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  }
}
