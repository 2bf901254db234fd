import { statSync } from "node:fs";
import { codeOf, isWithin, parentPath } from "../../policy/index.ts";
import type { AbsolutePath, ProtectedPath } from "../../policy/index.ts";
import { childPath, lookAt, namesIn, reach } from "./disk.ts";
import { listHeld, openUp, withParent } from "./held.ts";
import { cleanNewborn } from "./newborn.ts";
import { matchesName, placeholderMode } from "./names.ts";
import type { ProtectedLink, ProtectedPattern } from "./protect.ts";
import { finding, Quarantine } from "./quarantine.ts";
import type { Finding } from "./quarantine.ts";
import { scanRoots } from "./scan.ts";
import { putBack, sameSnapshot, takeSnapshot } from "./snapshot.ts";
import type { Guarded } from "./snapshot.ts";
import type { Survey } from "./watch.ts";

/** Change times lag behind the clock by one tick of the kernel. */
export const clockSlack = 20;

/** The owner may list the directory and enter it. */
const searchable = 0o500;

/** Puts right what a run left where it must not; each act is safe against whoever works in the same place. */
export class Repairer {
  readonly notices: string[] = [];
  readonly #survey: Survey;
  readonly #quarantine: Quarantine;
  readonly #guarded: readonly Guarded[];
  readonly #links: ReadonlySet<AbsolutePath>;
  readonly #told = new Set<AbsolutePath>();
  /** Names that another run holds: it makes and removes an empty directory there. */
  readonly #others: Set<AbsolutePath>;

  constructor(survey: Survey, folder: AbsolutePath) {
    this.#survey = survey;
    this.#quarantine = new Quarantine(folder);
    this.#others = new Set(survey.protection.borrowed.map(({ path }) => path));
    this.#links = new Set(survey.protection.links.map(({ path }) => path));
    this.#guarded = survey.protection.unpinned.flatMap(({ path, root }) => {
      const snapshot = takeSnapshot(path);
      return snapshot === null ? [] : [{ path, root, snapshot }];
    });
  }

  /**
   * A name that did not exist at the start, or was held by the empty directory of another run. With `told`, the kernel said that it came: when it is gone already,
   * another run in the same directory may have taken it, and that is worth telling once.
   */
  appeared({ path, root, name }: ProtectedPath, told: boolean): Finding | null {
    if (isPlaceholder(path, root)) {
      this.#others.add(path);
      return null;
    }
    const why = `${name} is protected and did not exist before the run`;
    const taken = this.#quarantine.take(path, root);
    if (taken.state !== "gone") {
      this.#told.add(path);
      return finding(path, taken, why);
    }
    const isAnothers = this.#others.delete(path);
    if (!told || isAnothers || this.#told.has(path)) return this.#throughLink(path, root, name);
    this.#told.add(path);
    return {
      path,
      action: "quarantined",
      kept: null,
      found: "missing",
      why: `${why}; it was gone again when looked at`,
      restore: null,
    };
  }

  match({ directory, root, pattern, known }: ProtectedPattern, name: string): Finding | null {
    if (known.includes(name)) return null;
    const path = childPath(directory, name);
    return finding(
      path,
      this.#quarantine.take(path, root),
      `${pattern} is protected and this name did not exist before the run`,
    );
  }

  matches(pattern: ProtectedPattern): readonly Finding[] {
    // As with names that are missing: where a listing shows none, holding the directory would show none either.
    if (namesIn(pattern.directory)?.some((name) => matchesName(name, pattern.pattern)) === false) return [];
    return listHeld(pattern.directory, pattern.root)
      .filter((name) => matchesName(name, pattern.pattern))
      .map((name) => this.match(pattern, name))
      .filter((each) => each !== null);
  }

  relink({ path, target, root }: ProtectedLink): Finding | null {
    return this.#revert({ path, root, snapshot: { kind: "symlink", target } });
  }

  sweep(): readonly Finding[] {
    const { roots, scan, protection } = this.#survey;
    const findings: (Finding | null)[] = [];
    this.#reopen();
    for (const path of protection.paths) {
      // Nearly all are still missing, which one look tells; what is there is taken up with care.
      if (path.kind === "missing" && isThere(path)) findings.push(this.appeared(path, false));
    }
    for (const pattern of protection.patterns) findings.push(...this.matches(pattern));
    for (const link of protection.links) findings.push(this.relink(link));
    for (const guarded of this.#guarded) findings.push(this.#revert(guarded));
    if (protection.git !== "off") {
      const after = scanRoots(roots);
      const since = scan.time - clockSlack;
      const cleaning = cleanNewborn(after, { roots, before: scan, since, quarantine: this.#quarantine });
      findings.push(...cleaning.findings);
      this.notices.push(...cleaning.notices);
      if (!after.complete)
        this.notices.push(
          "repositories made in the run may remain unseen: the workspace holds more entries than are looked at",
        );
      const known = new Set(scan.unreadable);
      for (const path of after.unreadable.filter((each) => !known.has(each)))
        this.notices.push(`${path} could not be looked into`);
    }
    return findings.filter((each) => each !== null);
  }

  /** See `Watch.bring`. */
  bring(path: AbsolutePath): AbsolutePath {
    if (isWithin(path, this.#quarantine.folder)) return path;
    const root = this.#survey.roots.find((each) => isWithin(path, each));
    const taken = root === undefined ? null : this.#quarantine.take(path, root);
    return taken?.state === "kept" ? taken.kept : path;
  }

  /**
   * In a root that the run closed to its owner nothing can be judged. A closed repository would be none to the next look,
   * and its hooks free for the next run.
   */
  #reopen(): void {
    const { roots, scan } = this.#survey;
    const closed = new Set(scan.unreadable);
    const all = scan.repositories.flatMap(({ worktree, gitDir, commonDir }) => [worktree, gitDir, commonDir]);
    for (const path of new Set([...roots.filter((each) => !closed.has(each)), ...all])) {
      const root = roots.find((each) => isWithin(path, each));
      if (root === undefined || ((lookAt(path)?.mode ?? 0) & searchable) === searchable) continue;
      if (withParent(path, root, openUp) === true) this.notices.push(`${path} was closed by the run and is open again`);
    }
  }

  /** A directory on the way that was exchanged for a symlink makes a protected name live by another path. */
  #throughLink(path: AbsolutePath, root: AbsolutePath, name: string): Finding | null {
    for (let at = parentPath(path); at !== root && at.length > root.length; at = parentPath(at)) {
      if (lookAt(at)?.isSymbolicLink() !== true || this.#links.has(at) || !reaches(path)) continue;
      return finding(at, this.#quarantine.take(at, root), `made ${name} reachable through a symlink`);
    }
    return null;
  }

  #revert({ path, root, snapshot }: Guarded): Finding | null {
    if (sameSnapshot(takeSnapshot(path), snapshot)) return null;
    const why = "protected and changed while the run went on; put back as it was";
    const taken = this.#quarantine.take(path, root);
    const put = withParent(path, root, (place) => {
      try {
        putBack(place, snapshot);
        return "put" as const;
      } catch (error) {
        // Another run in the same directory was faster.
        return codeOf(error) === "EEXIST" ? ("put" as const) : ("failed" as const);
      }
    });
    const done = put === "put" ? why : "protected and changed while the run went on; it could not be put back";
    const found = finding(path, taken, done, "reverted");
    return found ?? { path, action: "reverted", kept: null, found: "missing", why: done, restore: null };
  }
}

/** The way to it is opened where the run closed it. */
function isThere({ path, root }: ProtectedPath): boolean {
  const found = reach(path);
  return found === "closed" ? withParent(path, root, (place) => lookAt(place) !== null) === true : found !== null;
}

/** This run's, or that of another one in the same place: whoever made it takes it away. */
function isPlaceholder(path: AbsolutePath, root: AbsolutePath): boolean {
  return ((lookAt(path)?.mode ?? 0) & 0o7777) === placeholderMode && isEmptyDirectory(path, root);
}

function isEmptyDirectory(path: AbsolutePath, root: AbsolutePath): boolean {
  return lookAt(path)?.isDirectory() === true && listHeld(path, root).length === 0;
}

function reaches(path: AbsolutePath): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
