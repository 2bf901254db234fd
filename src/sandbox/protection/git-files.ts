import { parentPath } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { Repository } from "../facts.ts";
import { asUtf8, canonicalPath, childPath, lookAt, readThere } from "./disk.ts";
import { configLimit, parseGitConfig } from "./git-config.ts";
import type { ConfigEntry } from "./git-config.ts";
import { resolveFrom } from "./repository.ts";

const filesLimit = 32;
const depthLimit = 10;

/** The user's own side of git, which holds for every repository. */
export interface GitEnvironment {
  readonly home: AbsolutePath | null;
  /** Configuration files outside any repository, existing or not: `~/.gitconfig`, `/etc/gitconfig`. */
  readonly shared: readonly AbsolutePath[];
}

export const noGitEnvironment: GitEnvironment = { home: null, shared: [] };

/** Where git looks for configuration that is not a repository's. */
export function gitEnvironment(home: AbsolutePath, environment: ReadonlyMap<string, string>): GitEnvironment {
  const xdg = resolveFrom(home, environment.get("XDG_CONFIG_HOME") || ".config");
  const shared = [childPath(home, ".gitconfig")];
  if (xdg !== null) shared.push(childPath(xdg, "git/config"));
  for (const name of ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"]) {
    const path = resolveFrom(home, environment.get(name) ?? "");
    if (path !== null) shared.push(path);
  }
  const system = resolveFrom(home, "/etc/gitconfig");
  return { home, shared: system === null ? shared : [...shared, system] };
}

/** What configuration makes live besides the fixed names. Paths by spelling, existing or not. */
export interface ConfiguredFiles {
  /** Every `core.hooksPath`, whichever wins. */
  readonly hooks: readonly AbsolutePath[];
  /** Every included file, whether its condition holds now or not. */
  readonly included: readonly AbsolutePath[];
}

/** Reads files of a few kilobytes, at most 32 of them; runs nothing. */
export function configuredFiles(repository: Repository, environment: GitEnvironment): ConfiguredFiles {
  const { worktree, gitDir, commonDir } = repository;
  const hooks = new Set<AbsolutePath>();
  const included = new Set<AbsolutePath>();
  const start = [
    childPath(commonDir, "config"),
    childPath(commonDir, "config.worktree"),
    childPath(gitDir, "config.worktree"),
  ];
  const queue = [...new Set([...start, ...environment.shared])].map((path) => ({ path, depth: 0 }));
  for (let at = 0; at < queue.length && at < filesLimit; at++) {
    const file = queue[at];
    const text = file === undefined ? null : readFollowed(file.path);
    if (file === undefined || text === null || !telling.test(text)) continue;
    for (const entry of parseGitConfig(text).entries) {
      const path = asUtf8(entry.value ?? "");
      if (entry.section === "core" && entry.key === "hookspath") {
        // Git runs hooks at the top of the work tree, or in the git directory when there is none.
        const found = expand(path, worktree, environment.home);
        if (found !== null) hooks.add(found);
      } else if (isInclude(entry)) {
        const found = expand(path, parentPath(file.path), environment.home);
        if (found === null || included.has(found)) continue;
        included.add(found);
        if (file.depth < depthLimit) queue.push({ path: found, depth: file.depth + 1 });
      }
    }
  }
  return { hooks: [...hooks], included: [...included] };
}

/** Names cannot be broken over lines: without these words there is nothing to find. */
const telling = /include|hookspath/i;

/** Git follows symlinks to its configuration, and many people keep theirs among other dotfiles. */
function readFollowed(path: AbsolutePath): string | null {
  const stats = lookAt(path);
  if (stats === null) return null;
  const real = stats.isSymbolicLink() ? canonicalPath(path) : path;
  return real === null ? null : readThere(real, configLimit);
}

function isInclude({ section, key }: ConfigEntry): boolean {
  return key === "path" && (section === "include" || section === "includeif");
}

function expand(path: string, base: AbsolutePath, home: AbsolutePath | null): AbsolutePath | null {
  if (path.startsWith("~/")) return home === null ? null : resolveFrom(home, path.slice(2));
  return resolveFrom(base, path);
}
