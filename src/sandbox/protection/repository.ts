import { readdirSync } from "node:fs";
import { isWithin, normalise, parentPath } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { Repository } from "../facts.ts";
import { asUtf8, canonicalPath, childPath, lookAt, readSmall } from "./disk.ts";
import { configLimit, parseGitConfig } from "./git-config.ts";

/** Git itself reads pointer files up to a mebibyte; a path that long cannot be opened. */
const pointerLimit = 16 * 1024;
const adminLimit = 256;

/**
 * The repository whose work tree's top is `worktree`, read without running git. Null when `.git` is missing or holds
 * nothing that git would take over, which makes it a repository not yet born.
 */
export function readRepository(worktree: AbsolutePath): Repository | null {
  const gitDir = gitDirectory(worktree);
  return gitDir === null ? null : { worktree, gitDir, commonDir: commonDirectory(gitDir) };
}

/** A git directory without a work tree of its own: a bare repository, or one kept for a submodule. */
export function readBare(directory: AbsolutePath): Repository | null {
  if (!isGitDirectory(directory)) return null;
  return { worktree: directory, gitDir: directory, commonDir: commonDirectory(directory) };
}

/** The nearest repository at or above `path`; a path inside a git directory belongs to that one. */
export function repositoryOf(path: AbsolutePath): Repository | null {
  for (let at = path; ; at = parentPath(at)) {
    const found = readRepository(at) ?? readBare(at);
    if (found !== null || at === "/") return found;
  }
}

/** What git takes for a git directory: HEAD, and either its own objects and refs or a pointer to shared ones. */
export function isGitDirectory(directory: AbsolutePath): boolean {
  if (lookAt(`${directory}/HEAD`) === null) return false;
  if (lookAt(`${directory}/commondir`) !== null) return true;
  return lookAt(`${directory}/objects`) !== null && lookAt(`${directory}/refs`) !== null;
}

/**
 * What `git init` would make one of again: it leaves the configuration and the hooks that stand there as they are. A
 * run that takes `refs` away must not free them for the next, nor may one lay them out for a repository to come.
 */
function isUnfinished(dotGit: AbsolutePath): boolean {
  return ["HEAD", "config", "hooks", "objects", "refs", "commondir"].some(
    (name) => lookAt(`${dotGit}/${name}`) !== null,
  );
}

/** The path that a `.git` file names, as written; null when it is not such a file. */
export function pointerOf(file: AbsolutePath): string | null {
  const text = readSmall(file, pointerLimit);
  if (text === null || !text.startsWith("gitdir: ")) return null;
  return asUtf8(text.slice("gitdir: ".length)).replace(/[\r\n]+$/, "");
}

/**
 * Whether a git directory answers for this work tree: a linked work tree's names it in `gitdir`, a submodule's in
 * `core.worktree`. A pointer alone proves nothing, for anybody who can write the work tree can write one.
 */
export function pointsBack({ worktree, gitDir, commonDir }: Repository): boolean {
  const dotGit = childPath(worktree, ".git");
  if (gitDir === commonDir && (gitDir === dotGit || gitDir === worktree)) return true;
  if (gitDir !== commonDir) {
    const back = readSmall(`${gitDir}/gitdir`, pointerLimit);
    if (back === null || !isWithin(gitDir, childPath(commonDir, "worktrees"))) return false;
    return resolveFrom(gitDir, asUtf8(back).trimEnd()) === dotGit;
  }
  const config = parseGitConfig(readSmall(`${gitDir}/config`, configLimit) ?? "");
  const named = config.entries.findLast(({ section, key }) => section === "core" && key === "worktree");
  return named !== undefined && resolveFrom(gitDir, asUtf8(named.value ?? "")) === worktree;
}

/** Git directories kept inside another: of submodules (any depth, their names may hold slashes) and linked work trees. */
export function innerGitDirectories(commonDir: AbsolutePath): readonly AbsolutePath[] {
  const found = subdirectories(childPath(commonDir, "worktrees")).filter(isGitDirectory);
  const queue = [...subdirectories(childPath(commonDir, "modules"))];
  for (let at = 0; at < queue.length && at < adminLimit; at++) {
    const directory = queue[at];
    if (directory === undefined) break;
    if (!isGitDirectory(directory)) queue.push(...subdirectories(directory));
    else {
      found.push(directory);
      queue.push(...subdirectories(childPath(directory, "modules")));
    }
  }
  return found;
}

function subdirectories(directory: AbsolutePath): readonly AbsolutePath[] {
  if (lookAt(directory)?.isDirectory() !== true) return [];
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .slice(0, adminLimit)
      .map((entry) => childPath(directory, entry.name));
  } catch {
    return [];
  }
}

function gitDirectory(worktree: AbsolutePath): AbsolutePath | null {
  const dotGit = childPath(worktree, ".git");
  const stats = lookAt(dotGit);
  if (stats === null) return null;
  const real = stats.isSymbolicLink() ? canonicalPath(dotGit) : dotGit;
  if (real === null) return null;
  const pointer = stats.isDirectory() ? null : pointerOf(real);
  const target = pointer === null ? real : resolveFrom(worktree, pointer);
  const gitDir = target === null || target === dotGit ? target : canonicalPath(target);
  if (gitDir === null) return null;
  return isGitDirectory(gitDir) || (gitDir === dotGit && stats.isDirectory() && isUnfinished(gitDir)) ? gitDir : null;
}

function commonDirectory(gitDir: AbsolutePath): AbsolutePath {
  const text = readSmall(`${gitDir}/commondir`, pointerLimit);
  const target = text === null ? null : resolveFrom(gitDir, asUtf8(text).trimEnd());
  return (target === null ? null : canonicalPath(target)) ?? gitDir;
}

/** By spelling; the caller resolves symlinks. */
export function resolveFrom(base: AbsolutePath, path: string): AbsolutePath | null {
  if (path === "") return null;
  return normalise(path.startsWith("/") ? path : `${base}/${path}`);
}
