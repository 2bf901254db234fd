import { closeSync, readlinkSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { codeOf, components, isWithin, knownNormal } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { hold, look, named, permits } from "./descriptor.ts";
import type { Descriptor } from "./descriptor.ts";
import { denied, invalid, missing, translated, unsupported } from "./refusal.ts";
import { refuseKernelFiles } from "./root.ts";
import type { FileRoot } from "./root.ts";

/** As many as Linux itself follows in one path. */
const MOST_LINKS = 40;

const LONGEST_NAME = 255;
const MOST_NAMES = 256;

/** Where a walk ended. Its descriptors are open until `close`. */
export interface Found {
  /** No symlink in it; the names that are missing are taken as they were written. */
  readonly path: AbsolutePath;
  /** The directory that holds, or would hold, the last name; of the root it is the root itself. */
  readonly directory: Descriptor;
  /** Empty for the root. */
  readonly name: string;
  /** What has the name; null where nothing has. */
  readonly entry: { readonly fd: Descriptor; readonly stats: BigIntStats } | null;
  /** Names of `path` below `directory`: one, or more where directories are missing too. */
  readonly rest: readonly string[];
  close(): void;
}

interface Level {
  readonly fd: Descriptor;
  readonly name: string;
  readonly stats: BigIntStats;
}

/**
 * Follows `names` from the held root: each is opened in the directory opened before, without following; a symlink is
 * read and walked by the same rules, and must stay below the root. Nobody who renames things meanwhile can lead it
 * elsewhere. `follow`: whether a symlink in the last place is followed; else it is refused.
 * Errors: `unsupported`, `policy_denied`, `invalid_params`, and what `translated` makes of the system's.
 */
export function walk(root: FileRoot, names: readonly string[], shown: string, follow = true): Found {
  const levels: Level[] = [];
  const close = (): void => {
    for (const { fd } of levels.splice(0)) closeSync(fd);
  };
  try {
    const found = descend(root, names, { shown, follow, levels });
    // What is on the way is not needed any more: many files may be held at once.
    for (const { fd } of levels.splice(0, Math.max(0, levels.length - 2))) closeSync(fd);
    return { ...found, close };
  } catch (error) {
    close();
    throw translated(error, shown);
  }
}

interface Walking {
  readonly shown: string;
  readonly follow: boolean;
  /** From the root downwards, the root left out. */
  readonly levels: Level[];
}

function descend(root: FileRoot, names: readonly string[], { shown, follow, levels }: Walking): Omit<Found, "close"> {
  const ahead = names.toReversed();
  const pathTo = (more: readonly string[] = []): AbsolutePath =>
    knownNormal(`/${[...components(root.path), ...levels.map(({ name }) => name), ...more].join("/")}`);
  let links = 0;
  let device: bigint | null = null;
  for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
    if (levels.length + ahead.length > MOST_NAMES) throw unsupported(shown, `is deeper than ${MOST_NAMES} directories`);
    const above = levels.at(-1);
    if (above !== undefined && !above.stats.isDirectory()) {
      return { path: pathTo([name, ...ahead.toReversed()]), directory: above.fd, name, entry: null, rest: [] };
    }
    if (name === "..") {
      const left = levels.pop();
      if (left === undefined) throw outside(shown);
      closeSync(left.fd);
      continue;
    }
    checkName(name, shown);
    const directory = above?.fd ?? root.fd;
    const held = holdOrNull(directory, name);
    if (held === null) {
      const rest = [name, ...ahead.toReversed()];
      for (const one of rest) checkName(one, shown);
      if (rest.includes("..")) throw missing(shown);
      return { path: pathTo(rest), directory, name, entry: null, rest };
    }
    const stats = look(held);
    levels.push({ fd: held, name, stats });
    if (stats.isSymbolicLink()) {
      levels.pop();
      closeSync(held);
      if (!follow && ahead.length === 0) throw unsupported(shown, "is a symlink", "name the file it leads to");
      if (++links > MOST_LINKS) throw unsupported(shown, `leads through more than ${MOST_LINKS} symlinks`);
      const target = readlinkSync(named(directory, name));
      const next = target.startsWith("/") ? belowRoot(root, target, shown) : split(target);
      if (target.startsWith("/")) for (const { fd } of levels.splice(0)) closeSync(fd);
      ahead.push(...next.toReversed());
      continue;
    }
    root.own.refuse(stats, shown);
    if (stats.dev !== (device ?? look(root.fd).dev)) refuseKernelFiles(held, shown);
    device = stats.dev;
    if (ahead.length > 0 && stats.isDirectory() && !permits(held, stats, "search", root.identity)) {
      throw denied(shown, "is closed to the program's user", null);
    }
  }
  const last = levels.at(-1);
  if (last === undefined) {
    return { path: root.path, directory: root.fd, name: "", entry: { fd: root.fd, stats: look(root.fd) }, rest: [] };
  }
  return { path: pathTo(), directory: levels.at(-2)?.fd ?? root.fd, name: last.name, entry: last, rest: [last.name] };
}

/** Null where nothing has the name. Errors: the system's. */
function holdOrNull(directory: Descriptor, name: string): Descriptor | null {
  try {
    return hold(directory, name);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** An absolute link counts from `/`, by names alone: `..` in it is walked, so it may not come before the root's own. */
function belowRoot(root: FileRoot, target: string, shown: string): readonly string[] {
  const names = split(target);
  const own = components(root.path);
  if (own.some((name, index) => names[index] !== name)) throw outside(shown);
  return names.slice(own.length);
}

function outside(shown: string): Error {
  return denied(shown, "leads out of the directory that the session holds", null, "links are followed below it alone");
}

function checkName(name: string, shown: string): void {
  if (name.includes("\0")) throw invalid("a path cannot hold NUL");
  if (Buffer.byteLength(name) > LONGEST_NAME)
    throw invalid(`a name in ${JSON.stringify(shown.slice(0, 80))} is too long`);
}

/** The names of a path as it is spelled; `..` stays, so that it is walked and not guessed. */
export function split(path: string): readonly string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** Names below the root by spelling; null when `path` is not below it. */
export function namesBelow(root: FileRoot, path: AbsolutePath): readonly string[] | null {
  return isWithin(path, root.path) ? components(path).slice(components(root.path).length) : null;
}
