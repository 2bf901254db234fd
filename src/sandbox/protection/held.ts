import { chmodSync, closeSync, constants, fstatSync, openSync, readdirSync } from "node:fs";
import { codeOf, components, isWithin, rootPath } from "../../policy/index.ts";
import type { AbsolutePath } from "../../policy/index.ts";
import { childPath, lookAt } from "./disk.ts";

/** Opens a place without the right to read it; Node has no name for it. Value of Linux on all processors. */
const O_PATH = 0o10000000;

const hold = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Calls `act` with a spelling of `path` whose parent cannot be exchanged meanwhile: it is walked to from `/` one real
 * directory at a time and held open, so that nothing a run swaps in leads elsewhere. The last component is not
 * followed by `lstat`, `rename`, `unlink`, `rmdir`, nor by `open` with O_NOFOLLOW; `act` must use nothing else.
 * Null when a directory on the way is missing or is not a directory. Throws what the system says, without descriptors left.
 *
 * A run may have closed its directories to us; those below `root` that are ours are opened up.
 */
export function withParent<T>(path: AbsolutePath, root: AbsolutePath, act: (place: string) => T): T | null {
  const names = [...components(path)];
  const last = names.pop();
  if (last === undefined) return null;
  if (process.platform !== "linux") return withCheckedParent(names, path, act);
  let fd = openSync("/", hold);
  try {
    let at: AbsolutePath = rootPath;
    for (const name of names) {
      const next = descend(fd, name, isWithin(at, root));
      if (next === null) return null;
      closeSync(fd);
      fd = next;
      at = childPath(at, name);
    }
    if (isWithin(at, root)) letIn(fd);
    return act(`/proc/self/fd/${fd}/${last}`);
  } finally {
    closeSync(fd);
  }
}

/** In a directory that cannot be entered nothing can be looked at. */
function letIn(fd: number): void {
  if ((fstatSync(fd).mode & constants.S_IXUSR) === 0) grantOwner(fd);
}

/** Gives the owner all rights to a held directory; false when it is not ours to change. */
export function openUp(place: string): boolean {
  let fd: number;
  try {
    fd = openSync(place, hold);
  } catch {
    return false;
  }
  try {
    return grantOwner(fd);
  } finally {
    closeSync(fd);
  }
}

/** All rights; false when it is not ours to change. */
function grantOwner(fd: number): boolean {
  try {
    chmodSync(`/proc/self/fd/${fd}`, (fstatSync(fd).mode & 0o7777) | 0o700);
    return true;
  } catch {
    return false;
  }
}

/** The names in a directory below `root`, also when the run closed it to us; none when it is not one. */
export function listHeld(directory: AbsolutePath, root: AbsolutePath): readonly string[] {
  const names = withParent(directory, root, (place) => {
    try {
      return readHeld(place);
    } catch (error) {
      if (isExhausted(error)) throw error;
      return codeOf(error) === "EACCES" && openUp(place) ? readHeld(place) : []; // anything else: not a directory, or gone
    }
  });
  return names ?? [];
}

function readHeld(place: string): readonly string[] {
  const fd = openSync(place, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    return readdirSync(process.platform === "linux" ? `/proc/self/fd/${fd}` : place);
  } finally {
    closeSync(fd);
  }
}

/** Whether there was nothing left to look with, which says nothing about what is there. */
export function isExhausted(error: unknown): boolean {
  return ["EMFILE", "ENFILE", "ENOMEM"].includes(codeOf(error) ?? "");
}

function descend(fd: number, name: string, mayOpenUp: boolean): number | null {
  const path = `/proc/self/fd/${fd}/${name}`;
  try {
    return openSync(path, hold);
  } catch (error) {
    if (isExhausted(error)) throw error;
    if (codeOf(error) !== "EACCES" || !mayOpenUp) return null;
  }
  try {
    chmodSync(`/proc/self/fd/${fd}`, (fstatSync(fd).mode & 0o7777) | 0o700);
    return openSync(path, hold);
  } catch (error) {
    if (isExhausted(error)) throw error;
    return null;
  }
}

/** Where descriptors have no paths: the look and the act are two steps. */
function withCheckedParent<T>(names: readonly string[], path: AbsolutePath, act: (place: string) => T): T | null {
  let at = "";
  for (const name of names) {
    at += `/${name}`;
    if (lookAt(at)?.isDirectory() !== true) return null;
  }
  return act(path);
}
