import type { Dirent } from "node:fs";
import { isWithin } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { Repository } from "../facts.ts";
import { childPath, lookAt } from "./disk.ts";
import { innerGitDirectories, pointsBack, readBare, readRepository, repositoryOf } from "./repository.ts";
import { defaultBounds, walk } from "./walk.ts";
import type { WalkBounds, WalkEnd } from "./walk.ts";

/** One look at the writable roots. */
export interface Scan extends WalkEnd {
  /** Shallow first; a repository that holds a root comes before those found below it. Each work tree once. */
  readonly repositories: readonly Repository[];
  readonly sockets: readonly AbsolutePath[];
  /** When the look began, in milliseconds since the epoch. */
  readonly time: number;
}

/**
 * Looks for repositories (work trees, linked ones, submodules, bare ones) and sockets under the roots, within bounds.
 * Roots are canonical. Only reads; runs nothing.
 */
export function scanRoots(roots: readonly AbsolutePath[], bounds: Partial<WalkBounds> = {}): Scan {
  const time = Date.now();
  const found = new Found();
  const sockets: AbsolutePath[] = [];
  for (const root of roots) {
    const holder = repositoryOf(root);
    if (holder !== null) found.add(holder);
  }
  const end = walk(roots, { ...defaultBounds, ...bounds }, (directory, entries) => {
    for (const entry of entries) if (entry.isSocket()) sockets.push(childPath(directory, entry.name));
    const tree = hasDotGit(directory, entries) ? (found.at(directory) ?? readRepository(directory)) : null;
    if (tree !== null) found.add(tree);
    const bare = looksBare(entries) ? readBare(directory) : null;
    if (bare === null) return (name) => name !== ".git" || tree === null;
    found.add(bare);
    return () => false;
  });
  return { ...end, repositories: found.list(), sockets, time };
}

/** Repositories by work tree; a git directory without one stands for itself until its work tree is met. */
class Found {
  readonly #trees = new Map<AbsolutePath, Repository>();
  readonly #gitDirs = new Set<AbsolutePath>();

  add(repository: Repository): void {
    const { worktree, gitDir, commonDir } = repository;
    if (this.#trees.has(worktree)) return;
    if (worktree !== gitDir) this.#trees.delete(gitDir);
    else if (this.#gitDirs.has(gitDir)) return;
    this.#trees.set(worktree, repository);
    if (this.#gitDirs.has(gitDir)) return;
    this.#gitDirs.add(gitDir);
    for (const inner of [commonDir, ...innerGitDirectories(commonDir)]) {
      const bare = this.#gitDirs.has(inner) ? null : readBare(inner);
      if (bare !== null) this.add(bare);
    }
  }

  at(worktree: AbsolutePath): Repository | null {
    return this.#trees.get(worktree) ?? null;
  }

  list(): readonly Repository[] {
    return [...this.#trees.values()];
  }
}

/** On a file system that folds case, `.GIT` is `.git` to git. */
function hasDotGit(directory: AbsolutePath, entries: readonly Dirent[]): boolean {
  return entries.some(
    ({ name }) =>
      name === ".git" || (name.length === 4 && name.toLowerCase() === ".git" && lookAt(`${directory}/.git`) !== null),
  );
}

function looksBare(entries: readonly Dirent[]): boolean {
  let marks = 0;
  for (const { name } of entries) {
    if (name === "HEAD") marks |= 1;
    else if (name === "objects") marks |= 2;
    else if (name === "refs") marks |= 4;
    else if (name === "commondir") marks |= 6;
  }
  return marks === 7;
}

/**
 * Git directories outside the roots that a commit has to write: those of linked work trees and submodules. A pointer
 * in the workspace is no proof (an earlier run may have written it), so only a git directory that names the work tree
 * in return counts.
 */
export function metadataRoots(roots: readonly AbsolutePath[], scan: Scan): readonly AbsolutePath[] {
  const within = (path: AbsolutePath): boolean => roots.some((root) => isWithin(path, root));
  const found = scan.repositories
    .filter((repository) => within(repository.worktree) && !within(repository.commonDir) && pointsBack(repository))
    .map(({ commonDir }) => commonDir);
  return [...new Set(found)];
}
