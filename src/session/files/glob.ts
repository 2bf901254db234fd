import { closeSync, opendirSync } from "node:fs";
import type { Dirent } from "node:fs";
import { setImmediate as breathe } from "node:timers/promises";
import { codeOf, components, knownNormal } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { SessionError } from "../error.ts";
import { isAllowed } from "./authority.ts";
import type { Authority } from "./authority.ts";
import { closing, hold, look, permits, spelled } from "./descriptor.ts";
import type { Descriptor } from "./descriptor.ts";
import { parsePattern } from "./pattern.ts";
import type { PathPattern, Positions } from "./pattern.ts";
import { tooLarge } from "./refusal.ts";
import { refuseKernelFiles } from "./root.ts";
import type { FileRoot } from "./root.ts";
import { walk } from "./walk.ts";

export interface GlobBounds {
  /** Directory entries looked at. */
  readonly entries: number;
  readonly depth: number;
  readonly results: number;
  readonly milliseconds: number;
}

export const globBounds: GlobBounds = { entries: 500_000, depth: 64, results: 100_000, milliseconds: 20_000 };

/** After so many entries others get their turn. */
const TURN = 1024;

/**
 * The regular files below the root that match and that the caller may read, by their names below it, sorted. No
 * directory is entered through a symlink; a symlink to a file below the root counts as a file.
 * Errors: `invalid_params`; `too_large` where a bound is reached, never a list that is cut short; the signal's reason.
 */
export async function globFiles(
  authority: Authority,
  root: FileRoot,
  pattern: string,
  { bounds = globBounds, signal }: { readonly bounds?: GlobBounds; readonly signal?: AbortSignal } = {},
): Promise<readonly string[]> {
  const search = new Search(authority, root, parsePattern(pattern), bounds);
  const levels: Level[] = [search.read(root.fd, [], search.pattern.start)];
  const leave = (): void => {
    const left = levels.pop();
    if (left !== undefined && left.fd !== root.fd) closeSync(left.fd);
  };
  try {
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      const next = level.below.pop();
      const below = next === undefined ? null : search.enter(level, next);
      if (next === undefined) leave();
      if (below !== null) levels.push(below);
      if (search.isTurnOver()) {
        await breathe();
        signal?.throwIfAborted();
      }
    }
  } finally {
    while (levels.length > 0) leave();
  }
  return search.found.toSorted(byName);
}

/** A directory that is being searched: as many are held as the tree is deep. */
interface Level {
  readonly fd: Descriptor;
  readonly names: readonly string[];
  /** Still to be entered. */
  readonly below: Below[];
}

interface Below {
  readonly name: string;
  readonly positions: Positions;
}

class Search {
  readonly found: string[] = [];
  readonly pattern: PathPattern;
  readonly #authority: Authority;
  readonly #root: FileRoot;
  readonly #bounds: GlobBounds;
  readonly #until: number;
  #looked = 0;
  #turn = 0;

  constructor(authority: Authority, root: FileRoot, pattern: PathPattern, bounds: GlobBounds) {
    this.#authority = authority;
    this.#root = root;
    this.pattern = pattern;
    this.#bounds = bounds;
    this.#until = performance.now() + bounds.milliseconds;
  }

  isTurnOver(): boolean {
    if (this.#looked - this.#turn < TURN) return false;
    this.#turn = this.#looked;
    return true;
  }

  /** Takes what matches in a held directory. */
  read(fd: Descriptor, names: readonly string[], positions: Positions): Level {
    const below: Below[] = [];
    for (const [name, kind] of this.#candidates(fd, positions)) {
      const next = this.pattern.next(positions, name);
      if (kind !== "directory" && this.pattern.isMatch(next)) this.#take([...names, name], kind);
      if (kind === "directory" && this.pattern.isOpen(next)) below.push({ name, positions: next });
    }
    return { fd, names, below };
  }

  /** Null where it is no directory any more, or closed to the program. */
  enter(level: Level, { name, positions }: Below): Level | null {
    const names = [...level.names, name];
    const fd = this.#holdDirectory(level.fd, names);
    if (fd === null) return null;
    try {
      return this.read(fd, names, positions);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  *#candidates(directory: Descriptor, positions: Positions): Generator<readonly [name: string, kind: Kind]> {
    const expected = this.pattern.expected(positions);
    if (expected === null) {
      yield* this.#listing(directory);
      return;
    }
    for (const name of expected) {
      this.#count();
      const kind = kindNamed(directory, name);
      if (kind !== "other") yield [name, kind];
    }
  }

  *#listing(directory: Descriptor): Generator<readonly [name: string, kind: Kind]> {
    if (!permits(directory, look(directory), "read", this.#root.identity)) return;
    let open;
    try {
      open = opendirSync(spelled(directory), { bufferSize: 256 });
    } catch (error) {
      if (codeOf(error) === null) throw error;
      return; // closed to us, or gone
    }
    try {
      for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
        this.#count();
        // A name that is no text could not be given back.
        if (!entry.name.includes("\uFFFD")) yield [entry.name, this.#kindOf(entry, directory)];
      }
    } finally {
      open.closeSync();
    }
  }

  #kindOf(entry: Dirent, directory: Descriptor): Kind {
    if (entry.isFile()) return "file";
    if (entry.isDirectory()) return "directory";
    if (entry.isSymbolicLink()) return "symlink";
    const isUnknown = !entry.isFIFO() && !entry.isSocket() && !entry.isBlockDevice() && !entry.isCharacterDevice();
    return isUnknown ? kindNamed(directory, entry.name) : "other";
  }

  #holdDirectory(directory: Descriptor, names: readonly string[]): Descriptor | null {
    const name = names.at(-1) ?? "";
    if (names.length > this.#bounds.depth) throw tooMuch(`${this.#bounds.depth} directories deep`);
    let fd;
    try {
      fd = hold(directory, name);
    } catch (error) {
      if (codeOf(error) === null) throw error;
      return null; // gone meanwhile
    }
    try {
      const stats = look(fd);
      if (stats.isDirectory() && permits(fd, stats, "search", this.#root.identity)) {
        this.#root.own.refuse(stats, name);
        if (stats.dev !== look(directory).dev) refuseKernelFiles(fd, names.join("/"));
        return fd;
      }
    } catch (error) {
      if (!(error instanceof SessionError)) throw error; // what belongs to the kernel or to the tool is passed over
    }
    closeSync(fd);
    return null;
  }

  #take(names: readonly string[], kind: Kind): void {
    if (kind === "other") return;
    const path = kind === "symlink" ? this.#linked(names) : this.#pathOf(names);
    if (path === null || !isAllowed(this.#authority, "read", path)) return;
    if (this.found.length >= this.#bounds.results) throw tooMuch(`${this.#bounds.results} files`);
    this.found.push(names.join("/"));
  }

  #pathOf(names: readonly string[]): AbsolutePath {
    const { path } = this.#root;
    return knownNormal(`${path === "/" ? "" : path}/${names.join("/")}`);
  }

  /** Where a symlink leads; null unless that is a regular file below the root. */
  #linked(names: readonly string[]): AbsolutePath | null {
    try {
      const found = walk(this.#root, names, names.join("/"));
      found.close();
      return found.entry?.stats.isFile() === true ? found.path : null;
    } catch (error) {
      if (error instanceof SessionError) return null;
      throw error;
    }
  }

  #count(): void {
    this.#looked += 1;
    if (this.#looked > this.#bounds.entries) throw tooMuch(`${this.#bounds.entries} entries`);
    if (this.#looked % 256 === 0 && performance.now() > this.#until) {
      throw tooMuch(`${this.#bounds.milliseconds / 1000} seconds`);
    }
  }
}

type Kind = "file" | "directory" | "symlink" | "other";

function kindNamed(directory: Descriptor, name: string): Kind {
  try {
    return closing(hold(directory, name), (fd) => {
      const stats = look(fd);
      if (stats.isFile()) return "file";
      if (stats.isDirectory()) return "directory";
      return stats.isSymbolicLink() ? "symlink" : "other";
    });
  } catch (error) {
    if (codeOf(error) === null) throw error;
    return "other"; // not there
  }
}

function tooMuch(bound: string): Error {
  return tooLarge(`the pattern leads through more than ${bound}`, "begin it with the directory that is meant");
}

function byName(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The names of an absolute pattern below the root, as a pattern; null where it does not begin with the root's path. */
export function patternBelow(root: FileRoot, pattern: string): string | null {
  const names = pattern.split("/").filter((name) => name !== "" && name !== ".");
  const own = components(root.path);
  return own.every((name, index) => names[index] === name) ? names.slice(own.length).join("/") : null;
}
