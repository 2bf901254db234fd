import type { Stats } from "node:fs";
import { isWithin, parentPath, protectedNames } from "../../policy/index.ts";
import type { AbsolutePath, ProtectedPath, ProtectPolicy } from "../../policy/index.ts";
import type { Repository } from "../facts.ts";
import type { Reduction } from "../plan.ts";
import { canonicalPath, childPath, linkTarget, lookAt, namesIn } from "./disk.ts";
import { configuredFiles, noGitEnvironment } from "./git-files.ts";
import type { GitEnvironment } from "./git-files.ts";
import { resolveFrom } from "./repository.ts";
import {
  isDirectoryName,
  isFirstTier,
  linkedGitNames,
  listedAs,
  matchesName,
  placeholderMode,
  sharedGitNames,
} from "./names.ts";
import { pinLimit, withinPins } from "./pins.ts";
import type { Scan } from "./scan.ts";

/**
 * A protected name that is a symlink. A mount would cover what the link points to and leave the link free, so the
 * watch puts the link back; its target is protected as well where it lies under a writable root.
 */
export interface ProtectedLink {
  readonly path: AbsolutePath;
  /** As written in the link. */
  readonly target: string;
  readonly root: AbsolutePath;
  readonly name: string;
}

/** Names that are protected wherever they match: `*.code-workspace` at the top of a root. */
export interface ProtectedPattern {
  readonly directory: AbsolutePath;
  /** The writable root that the directory is or stands under. */
  readonly root: AbsolutePath;
  readonly pattern: string;
  /** Matches that stood there at the start. */
  readonly known: readonly string[];
}

/** All that a run must leave alone, by how that can be held. */
export interface Protection {
  /** To mount read-only, or to watch where `kind` is `missing`. */
  readonly paths: readonly ProtectedPath[];
  readonly links: readonly ProtectedLink[];
  readonly patterns: readonly ProtectedPattern[];
  /** Existing paths beyond the pins: only watched, and put back if changed. */
  readonly unpinned: readonly ProtectedPath[];
  /**
   * Names held by empty directories that look like the placeholders of another run: `missing` among `paths`, since that
   * run will take them away, and a mount with them.
   */
  readonly borrowed: readonly ProtectedPath[];
  /** For `missing = "strict"`: names to hold with an empty directory, and none for any other setting. */
  readonly placeholders: readonly AbsolutePath[];
  readonly reductions: readonly Reduction[];
  readonly git: ProtectPolicy["git"];
}

/**
 * Lays out what is protected under the writable roots (canonical directories). A path that is itself a root is the
 * user's explicit word and stays free. `tops` are directories inside of the roots that count like the top of one. Only
 * reads.
 */
export function protect(
  roots: readonly AbsolutePath[],
  scan: Scan,
  policy: ProtectPolicy,
  environment: GitEnvironment = noGitEnvironment,
  tops: readonly AbsolutePath[] = [],
): Protection {
  const layout = new Layout(roots);
  for (const top of new Set([...roots, ...tops])) {
    if (!inGitDirectory(top, scan.repositories)) layout.top(top, policy.off);
  }
  if (policy.git !== "off") {
    for (const repository of scan.repositories) {
      if (policy.git === "all") layout.whole(repository);
      layout.metadata(repository, environment);
    }
  }
  return layout.finish(scan, policy);
}

function inGitDirectory(root: AbsolutePath, repositories: readonly Repository[]): boolean {
  return repositories.some(({ gitDir, commonDir }) => isWithin(root, gitDir) || isWithin(root, commonDir));
}

const linkDepth = 8;

class Layout {
  readonly #roots: readonly AbsolutePath[];
  readonly #rootSet: ReadonlySet<AbsolutePath>;
  readonly #paths = new Map<AbsolutePath, ProtectedPath>();
  readonly #links = new Map<AbsolutePath, ProtectedLink>();
  readonly #patterns: ProtectedPattern[] = [];
  readonly #borrowed = new Set<AbsolutePath>();
  /** Directories known to be real ones, so that each is looked at once. */
  readonly #plain = new Set<AbsolutePath>();

  constructor(roots: readonly AbsolutePath[]) {
    // The deepest root that holds a path is the one it stands under.
    this.#roots = roots.toSorted((one, other) => other.length - one.length);
    this.#rootSet = new Set(roots);
  }

  top(directory: AbsolutePath, off: ReadonlySet<string>): void {
    const root = this.#rootOf(directory);
    if (root === undefined) return;
    // Closed to listing, each name is looked for.
    const present = namesIn(directory);
    // Folded, for a file system that takes `.VSCODE` for `.vscode`; the look at the path itself decides.
    const folded = new Set(present?.map((name) => name.toLowerCase()));
    for (const name of protectedNames().tools) {
      if (off.has(name)) continue;
      const first = name.split("/", 1)[0] ?? name;
      const path = childPath(directory, name);
      if (name.includes("*")) this.#pattern(directory, root, name, present ?? []);
      else if (present === null || folded.has(first.toLowerCase())) this.#add(path, "tools", name);
      else this.#note({ path, kind: "missing", list: "tools", name, root });
    }
  }

  metadata(repository: Repository, environment: GitEnvironment): void {
    const { worktree, gitDir, commonDir } = repository;
    const dotGit = childPath(worktree, ".git");
    if (gitDir !== dotGit && gitDir !== worktree) this.#add(dotGit, "git", listedAs.dotGit);
    for (const { relative, name } of sharedGitNames()) this.#add(childPath(commonDir, relative), "git", name);
    if (gitDir !== commonDir) {
      for (const { relative, name } of linkedGitNames()) this.#add(childPath(gitDir, relative), "git", name);
    }
    const { hooks, included } = configuredFiles(repository, environment);
    for (const path of hooks) this.#add(path, "git", listedAs.hooksPath);
    for (const path of [...included, ...environment.shared]) this.#existing(path);
  }

  whole({ worktree, gitDir, commonDir }: Repository): void {
    for (const path of [childPath(worktree, ".git"), gitDir, commonDir]) {
      if (lookAt(path) !== null) this.#add(path, "git", listedAs.whole);
    }
  }

  finish(scan: Scan, policy: ProtectPolicy): Protection {
    const all = [...this.#paths.values()];
    const missing = all.filter(({ kind }) => kind === "missing");
    const ranked = all
      .filter(({ kind }) => kind !== "missing")
      .map((path) => ({ path, rank: rank(path) }))
      .toSorted((one, other) => one.rank - other.rank)
      .map(({ path }) => path);
    const { held, rest } = withinPins(ranked, pinLimit);
    const placeholders = policy.missing === "strict" ? missing.filter(holdable).map(({ path }) => path) : [];
    return {
      paths: [...held, ...missing],
      links: [...this.#links.values()],
      patterns: this.#patterns,
      unpinned: rest,
      borrowed: missing.filter(({ path }) => this.#borrowed.has(path)),
      placeholders,
      reductions: reductions(scan, rest.length, this.#links.size),
      git: policy.git,
    };
  }

  #pattern(directory: AbsolutePath, root: AbsolutePath, pattern: string, present: readonly string[]): void {
    const known = present.filter((name) => matchesName(name, pattern));
    for (const name of known) this.#add(childPath(directory, name), "tools", pattern);
    this.#patterns.push({ directory, root, pattern, known });
  }

  #rootOf(path: AbsolutePath): AbsolutePath | undefined {
    return this.#roots.find((each) => isWithin(path, each));
  }

  /** Files of the user's that may lie in a workspace by way of symlinks; what does not exist is nobody's to write. */
  #existing(path: AbsolutePath): void {
    const real = canonicalPath(path);
    if (real !== null) this.#add(real, "git", listedAs.included);
    if (real !== path) this.#add(path, "git", listedAs.included);
  }

  #add(path: AbsolutePath, list: ProtectedPath["list"], name: string, depth = 0): void {
    const root = this.#rootSet.has(path) ? undefined : this.#rootOf(path);
    if (root === undefined || this.#paths.has(path) || depth > linkDepth) return;
    const stats = lookAt(path);
    const link = this.#firstLink(path, root, stats);
    if (link !== null) {
      const target = linkTarget(link);
      if (target !== null) this.#links.set(link, { path: link, target, root, name });
      const real = canonicalPath(link);
      const beyond = real === null ? null : resolveFrom(real, `.${path.slice(link.length)}`);
      if (beyond !== null) this.#add(beyond, list, name, depth + 1);
      return;
    }
    const isHeld = stats?.isDirectory() === true && isPlaceholder(path, stats, name);
    if (isHeld) this.#borrowed.add(path);
    const kind = stats === null || isHeld ? "missing" : stats.isDirectory() ? "directory" : "file";
    this.#note({ path, kind, list, name, root });
  }

  #note(found: ProtectedPath): void {
    if (!this.#rootSet.has(found.path) && !this.#paths.has(found.path)) this.#paths.set(found.path, found);
  }

  /** The first component below the root that is a symlink, the last one included. */
  #firstLink(path: AbsolutePath, root: AbsolutePath, stats: Stats | null): AbsolutePath | null {
    const parent = parentPath(path);
    if (parent !== root && !this.#plain.has(parent)) {
      const above = this.#firstLink(parent, root, lookAt(parent));
      if (above !== null) return above;
      this.#plain.add(parent);
    }
    return stats?.isSymbolicLink() === true ? path : null;
  }
}

/** Lower first: what acts at once before what needs a second file, shallow before deep. */
function rank({ path, name, list }: ProtectedPath): number {
  const tier = list === "tools" || isFirstTier(name) ? 0 : 1000;
  return tier + path.split("/").length;
}

function isPlaceholder(path: AbsolutePath, { mode }: Stats, name: string): boolean {
  return isDirectoryName(name) && (mode & 0o7777) === placeholderMode && namesIn(path)?.length === 0;
}

function holdable({ path, name }: ProtectedPath): boolean {
  return isDirectoryName(name) && lookAt(parentPath(path))?.isDirectory() === true;
}

function reductions(scan: Scan, unpinned: number, links: number): readonly Reduction[] {
  const list: Reduction[] = [];
  const add = (rule: string, holds: Reduction["holds"], why: string): void => void list.push({ rule, holds, why });
  if (!scan.complete)
    add("protected names in nested repositories", "snapshot", "the workspace holds more entries than are looked at");
  if (scan.unreadable.length > 0)
    add("protected names in unreadable directories", "no", "these directories could not be read");
  if (scan.mounts.length > 0)
    add("protected names on other file systems", "no", "only the top of a mounted file system is looked at");
  if (unpinned > 0)
    add("protected names beyond the mounts spent on them", "watched", "changes are undone, not prevented");
  if (links > 0)
    add("protected names that are symlinks", "watched", "a mount cannot cover a symlink; it is put back if replaced");
  return list;
}
