import type { EffectiveAccess } from "./effective.ts";
import { parentPath, rootPath } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import type { MaterialisedEntry, ResolvedPolicy } from "../model/resolved.ts";

/** The tree of effective access, and what can be read off it. Keys are those of `EffectiveAccess.key`. */
export interface Tree {
  readonly steps: readonly MaterialisedEntry[];
  readonly byPath: ReadonlyMap<AbsolutePath, MaterialisedEntry>;
  /** Directories in writable places with a step somewhere below: moving one would move what is below as well. */
  readonly pinned: ReadonlyMap<AbsolutePath, MaterialisedEntry>;
  /** Directories above something visible: they exist, and what they list leads there. */
  readonly aboveVisible: ReadonlySet<AbsolutePath>;
}

/**
 * Evaluates every path that some layer names or a pattern was found to match, parents before children; steps that change
 * nothing are left out.
 */
export function growTree(policy: ResolvedPolicy, access: EffectiveAccess): Tree {
  const anchors = new Map<AbsolutePath, AbsolutePath>([[rootPath, rootPath]]);
  const privateRoots = new Set<AbsolutePath>();
  const named = new Set<AbsolutePath>();
  for (const layer of policy.layers) {
    for (const entry of layer.entries) {
      const key = access.key(entry.path);
      anchors.set(key, anchors.get(key) ?? entry.path);
      if (entry.private) privateRoots.add(key);
      else if (entry.access === "write") named.add(key);
    }
  }
  for (const root of policy.places.workspaceRoots) {
    const key = access.key(root);
    anchors.set(key, anchors.get(key) ?? root);
    named.add(key);
  }
  for (const path of policy.places.matches ?? []) anchors.set(access.key(path), path);
  const byPath = new Map<AbsolutePath, MaterialisedEntry>();
  for (const key of [...anchors.keys()].toSorted()) {
    const path = anchors.get(key) ?? key;
    const { access: left, where, verdict } = access.at(access.names(path), "write");
    const above = key === "/" ? null : governing(byPath, parentPath(key));
    // What one layer grants of the host is just a part of the private place that another layer leaves of it. But what
    // stands alone in a directory that a pattern denies is no part of anything above.
    const same =
      above?.where === where &&
      (above.access === left || where === "private") &&
      access.at(access.names(parentPath(path)), "write").where === where;
    // A private place is one of its own, even inside another. And what is named to be written keeps its place inside a
    // wider one: what is protected there is so by its path.
    const isOwn = where === "private" ? privateRoots.has(key) : where === "host" && left === "write" && named.has(key);
    if (same && !isOwn) continue;
    byPath.set(key, { path, access: left, where, entry: verdict.entry });
  }
  return { steps: [...byPath.values()], byPath, pinned: pins(byPath), aboveVisible: aboveVisible(byPath) };
}

/** The step that holds for a path; the root always has one. */
function governing(byPath: ReadonlyMap<AbsolutePath, MaterialisedEntry>, path: AbsolutePath): MaterialisedEntry | null {
  for (let at = path; ; at = parentPath(at)) {
    const step = byPath.get(at);
    if (step !== undefined || at === "/") return step ?? null;
  }
}

function pins(byPath: ReadonlyMap<AbsolutePath, MaterialisedEntry>): ReadonlyMap<AbsolutePath, MaterialisedEntry> {
  const pinned = new Map<AbsolutePath, MaterialisedEntry>();
  for (const [key, step] of byPath) {
    if (governing(byPath, parentPath(key))?.access !== "write") continue;
    for (let at = parentPath(key); !byPath.has(at) && !pinned.has(at); at = parentPath(at)) pinned.set(at, step);
  }
  return pinned;
}

function aboveVisible(byPath: ReadonlyMap<AbsolutePath, MaterialisedEntry>): ReadonlySet<AbsolutePath> {
  const above = new Set<AbsolutePath>();
  for (const [key, { access }] of byPath) {
    if (access === "deny") continue;
    for (let at = parentPath(key); !above.has(at); at = parentPath(at)) above.add(at);
  }
  return above;
}
