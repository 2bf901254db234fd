import { isWithin } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { Repository } from "../facts.ts";
import { asUtf8, childPath, lookAt, readSmall } from "./disk.ts";
import { configLimit, parseGitConfig, withoutEntries } from "./git-config.ts";
import { listHeld, withParent } from "./held.ts";
import { finding } from "./quarantine.ts";
import type { Finding, Quarantine } from "./quarantine.ts";
import { pointsBack, resolveFrom } from "./repository.ts";
import type { Scan } from "./scan.ts";
import { isUnsafe } from "./unsafe-keys.ts";

export interface BirthContext {
  readonly roots: readonly AbsolutePath[];
  readonly before: Scan;
  /** When the run began; what was last touched earlier cannot be its work. */
  readonly since: number;
  readonly quarantine: Quarantine;
}

export interface Cleaning {
  readonly findings: readonly Finding[];
  /** What is worth a word but was left alone. */
  readonly notices: readonly string[];
}

/**
 * Makes repositories that a run brought into being harmless to the host's git: hooks, settings that start programs,
 * and pointers to git directories elsewhere are moved aside. A repository seen at the start is not touched.
 */
export function cleanNewborn(after: Scan, context: BirthContext): Cleaning {
  const known = new Set(context.before.repositories.flatMap(({ gitDir, commonDir }) => [gitDir, commonDir]));
  const trees = new Set(context.before.repositories.map(({ worktree }) => worktree));
  const cleaner = new Cleaner(context);
  for (const repository of after.repositories) {
    if (!trees.has(repository.worktree)) cleaner.pointers(repository);
    for (const directory of new Set([repository.gitDir, repository.commonDir])) {
      if (known.has(directory)) continue;
      known.add(directory);
      cleaner.directory(directory);
    }
  }
  return cleaner;
}

class Cleaner implements Cleaning {
  readonly findings: Finding[] = [];
  readonly notices: string[] = [];
  readonly #context: BirthContext;

  constructor(context: BirthContext) {
    this.#context = context;
  }

  pointers(repository: Repository): void {
    const { worktree, gitDir, commonDir } = repository;
    if (pointsBack(repository)) return;
    const leads = "points to a git directory outside the workspace";
    if (!this.#inside(gitDir)) this.#take(childPath(worktree, ".git"), leads);
    else if (!this.#inside(commonDir)) this.#take(childPath(gitDir, "commondir"), leads);
  }

  directory(gitDir: AbsolutePath): void {
    if (!this.#inside(gitDir)) return;
    this.#hooks(childPath(gitDir, "hooks"));
    for (const name of ["config", "config.worktree"]) this.#config(gitDir, childPath(gitDir, name));
    this.#alternates(gitDir);
  }

  #hooks(hooks: AbsolutePath): void {
    const stats = lookAt(hooks);
    if (stats === null) return;
    if (!stats.isDirectory()) return this.#take(hooks, "stands for hooks of a repository made in the run");
    const root = this.#root(hooks);
    for (const name of root === undefined ? [] : listHeld(hooks, root)) {
      const path = childPath(hooks, name);
      if (name.endsWith(".sample") && lookAt(path)?.isFile() === true) continue;
      this.#take(path, "hook of a repository made in the run");
    }
  }

  #config(gitDir: AbsolutePath, path: AbsolutePath): void {
    const root = this.#root(path);
    const stats = lookAt(path);
    if (root === undefined || stats === null || !this.#ofTheRun(path)) return;
    const text = stats.isFile() ? withParent(path, root, (place) => readSmall(place, configLimit)) : null;
    if (text === null || parseGitConfig(text).broken) {
      return this.#take(path, "configuration of a repository made in the run that cannot be judged");
    }
    const removed = new Set<string>();
    const taken = this.#context.quarantine.rewrite(
      path,
      root,
      (found) => {
        const { entries, broken } = parseGitConfig(found);
        const unsafe = entries.filter((entry) => isUnsafe(entry, { gitDir, roots: this.#context.roots }));
        for (const { section, subsection, key } of unsafe) {
          removed.add([section, ...(subsection === null ? [] : [asUtf8(subsection)]), key].join("."));
        }
        return broken ? null : withoutEntries(found, unsafe);
      },
      configLimit,
    );
    if (taken === null) return;
    // No room for what it would be without them.
    if (taken.state === "failed") return this.#take(path, "settings that start programs could not be taken out");
    const found = finding(path, taken, `settings that start programs were taken out: ${[...removed].join(", ")}`);
    if (found !== null) this.findings.push(found);
  }

  #alternates(gitDir: AbsolutePath): void {
    const objects = childPath(gitDir, "objects");
    const text = readSmall(childPath(objects, "info/alternates"), configLimit);
    for (const line of text === null ? [] : asUtf8(text).split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const target = resolveFrom(objects, line);
      if (target === null || !this.#inside(target)) {
        this.notices.push(`${gitDir} takes objects from ${line}, outside the workspace`);
      }
    }
  }

  #take(path: AbsolutePath, why: string): void {
    const root = this.#root(path);
    if (root === undefined || !this.#ofTheRun(path)) return;
    const found = finding(path, this.#context.quarantine.take(path, root), why);
    if (found !== null) this.findings.push(found);
  }

  /** After a look that was cut short, a repository not seen at the start may still be older than the run. */
  #ofTheRun(path: AbsolutePath): boolean {
    const { before, since } = this.#context;
    const stats = lookAt(path);
    return stats !== null && (before.complete || stats.ctimeMs >= since);
  }

  /** The root that a path lies strictly below. */
  #root(path: AbsolutePath): AbsolutePath | undefined {
    return this.#context.roots.find((root) => path !== root && isWithin(path, root));
  }

  #inside(path: AbsolutePath): boolean {
    return this.#context.roots.some((root) => isWithin(path, root));
  }
}
