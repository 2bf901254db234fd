import { watch as watchDirectory } from "node:fs";
import type { FSWatcher } from "node:fs";
import { absolutePath, parentPath } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import type { Reduction } from "../plan.ts";
import { lookAt } from "./disk.ts";
import { isExhausted } from "./held.ts";
import { matchesName } from "./names.ts";
import type { Protection } from "./protect.ts";
import type { Finding } from "./quarantine.ts";
import { Repairer } from "./repairer.ts";
import type { Scan } from "./scan.ts";

/** What the look before a launch found; the watch and the final check compare with it. */
export interface Survey {
  readonly roots: readonly AbsolutePath[];
  readonly scan: Scan;
  readonly protection: Protection;
}

export interface WatchOptions {
  readonly survey: Survey;
  /** `<state>/quarantine/<session>`, made when first needed. */
  readonly folder: string;
  /** Called for each repair made while the run goes on. */
  readonly onRepair: (finding: Finding) => void;
}

export interface Watch {
  /** The program has been started: if it goes on, what it makes is put right meanwhile. */
  begin(): void;
  /** Non-empty when the kernel would not give all watches: those names wait for the sweep. */
  readonly reductions: readonly Reduction[];
  /** Words about what was seen and left alone, complete after the sweep. */
  readonly notices: readonly string[];
  /**
   * The authoritative check, once no process of the run is alive: what is found is put right and returned, without
   * another call of `onRepair`. Never throws for what a run can cause. Ends the watching.
   */
  sweep(): readonly Finding[];
  /**
   * Where something is kept that the guard moved aside: as given if that is in the folder already. Beside its place, since
   * the folder is on another file system, it is carried over; what cannot be carried stays.
   */
  bring(path: AbsolutePath): AbsolutePath;
  close(): void;
}

/** After so many repairs while running the watch leaves the rest to the sweep: a program may fight over a name. */
const liveLimit = 200;

/**
 * How long a run goes on before it is watched, in milliseconds. Most end sooner and need the sweep alone; and the kernel
 * takes ten of them to end a process that has watches.
 */
const settling = 100;

/** Call it before the program starts: what is only watched is remembered as it stands then. */
export function startWatch(options: WatchOptions): Watch {
  const { survey, onRepair } = options;
  const repairer = new Repairer(survey, absolutePath(options.folder));
  const watchers: FSWatcher[] = [];
  const reductions: Reduction[] = [];
  let live = 0;
  const check = (names: Watched, name: string | null): void => {
    if (live >= liveLimit) return;
    try {
      for (const found of names.check(repairer, name)) {
        live++;
        onRepair(found);
      }
    } catch (error) {
      // The last look has what this one lacked.
      if (!isExhausted(error)) throw error;
    }
  };
  const watchAll = (): void => {
    for (const [directory, names] of watchedDirectories(survey.protection)) {
      try {
        const watcher = watchDirectory(directory, { persistent: false }, (_, name) => check(names, name));
        watcher.on("error", () => watcher.close());
        watchers.push(watcher);
      } catch {
        reductions.push({
          rule: `watch of ${directory}`,
          holds: "snapshot",
          why: "no watch to be had; looked at when the run has ended",
        });
      }
      // What came before the watch did.
      check(names, null);
    }
  };
  let timer: NodeJS.Timeout | null = null;
  const close = (): void => {
    if (timer !== null) clearTimeout(timer);
    for (const watcher of watchers.splice(0)) watcher.close();
  };
  return {
    begin: () => {
      timer = setTimeout(watchAll, settling).unref();
    },
    reductions,
    notices: repairer.notices,
    sweep: () => {
      close();
      return repairer.sweep();
    },
    bring: (path) => repairer.bring(path),
    close,
  };
}

/** What is looked for in one directory. */
class Watched {
  readonly missing = new Map<string, Protection["paths"][number]>();
  readonly links = new Map<string, Protection["links"][number]>();
  readonly patterns: Protection["patterns"][number][] = [];

  /** `name` is null when the kernel did not say which. What was put right is told before the next is looked at. */
  *check(repairer: Repairer, name: string | null): Generator<Finding> {
    for (const each of name === null ? [...this.missing.keys(), ...this.links.keys()] : [name]) {
      const missing = this.missing.get(each);
      const link = this.links.get(each);
      const appeared = missing === undefined ? null : repairer.appeared(missing, name !== null);
      if (appeared !== null) yield appeared;
      const relinked = link === undefined ? null : repairer.relink(link);
      if (relinked !== null) yield relinked;
    }
    for (const pattern of this.patterns) {
      if (name === null) yield* repairer.matches(pattern);
      else if (matchesName(name, pattern.pattern)) {
        const matched = repairer.match(pattern, name);
        if (matched !== null) yield matched;
      }
    }
  }
}

/**
 * The directories to watch: those that exist and hold a missing name, a link or a pattern. A missing name whose
 * directory is missing too waits for the sweep.
 */
export function watchedDirectories(protection: Protection): ReadonlyMap<AbsolutePath, Watched> {
  const found = new Map<AbsolutePath, Watched>();
  const at = (directory: AbsolutePath): Watched => {
    const watched = found.get(directory) ?? new Watched();
    found.set(directory, watched);
    return watched;
  };
  const placeholders = new Set(protection.placeholders);
  for (const missing of protection.paths) {
    if (missing.kind === "missing" && !placeholders.has(missing.path))
      at(parentPath(missing.path)).missing.set(lastName(missing.path), missing);
  }
  for (const held of protection.borrowed) at(parentPath(held.path)).missing.set(lastName(held.path), held);
  for (const link of protection.links) at(parentPath(link.path)).links.set(lastName(link.path), link);
  for (const pattern of protection.patterns) at(pattern.directory).patterns.push(pattern);
  for (const directory of found.keys()) if (lookAt(directory)?.isDirectory() !== true) found.delete(directory);
  return found;
}

function lastName(path: AbsolutePath): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
