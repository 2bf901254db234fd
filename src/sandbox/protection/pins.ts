import { isWithin, parentPath } from "../../policy/index.ts";
import type { AbsolutePath, ProtectedPath } from "../../policy/index.ts";

/** Mounts spent on holding the ancestors of protected paths, at most. */
export const pinLimit = 64;

/**
 * Every directory strictly between a writable root and what is protected below it, parents first. Bound on itself
 * each is a mount point, and the kernel refuses to move or remove it. Names that do not exist need none: the watch
 * looks for them by path.
 */
export function pins(paths: readonly ProtectedPath[]): readonly AbsolutePath[] {
  const found = new Set<AbsolutePath>();
  for (const path of paths) for (const pin of pinsOf(path)) found.add(pin);
  return [...found].toSorted((one, other) => depth(one) - depth(other) || (one < other ? -1 : 1));
}

/** Splits paths, most dangerous first, into those that `limit` pins can hold and the rest. */
export function withinPins(
  paths: readonly ProtectedPath[],
  limit: number,
): { readonly held: readonly ProtectedPath[]; readonly rest: readonly ProtectedPath[] } {
  const used = new Set<AbsolutePath>();
  const held: ProtectedPath[] = [];
  const rest: ProtectedPath[] = [];
  for (const path of paths) {
    const missing = pinsOf(path).filter((pin) => !used.has(pin));
    if (used.size + missing.length > limit) rest.push(path);
    else {
      for (const pin of missing) used.add(pin);
      held.push(path);
    }
  }
  return { held, rest };
}

function pinsOf({ path, kind, root }: ProtectedPath): readonly AbsolutePath[] {
  const found: AbsolutePath[] = [];
  if (kind === "missing") return found;
  for (let at = parentPath(path); at !== root && isWithin(at, root); at = parentPath(at)) found.push(at);
  return found;
}

function depth(path: AbsolutePath): number {
  return path.split("/").length;
}
