import { isWithin, joinPath, parentPath, rootPath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { HostFacts, KernelFacts } from "../../facts.ts";
import type { Disk, Look } from "./disk.ts";

/** A part of the tool that a run must not be able to change. */
export interface ToolLocation {
  readonly what: "sandboxed-run" | "its native programs" | "node" | "bubblewrap";
  readonly path: AbsolutePath;
}

/** Where the code that builds sandboxes stands. `packageRoot` and `natives` as found, symlinks and all. */
export function toolLocations(
  installed: { readonly packageRoot: AbsolutePath; readonly natives: AbsolutePath; readonly node: AbsolutePath },
  facts: Pick<HostFacts, "canonical"> & { readonly kernel: Pick<KernelFacts, "bwrap"> },
): readonly ToolLocation[] {
  const { bwrap } = facts.kernel;
  const named: readonly ToolLocation[] = [
    { what: "sandboxed-run", path: installed.packageRoot },
    { what: "its native programs", path: installed.natives },
    { what: "node", path: installed.node },
    ...("path" in bwrap ? [{ what: "bubblewrap", path: bwrap.path } as const] : []),
  ];
  // The name counts as much as what it leads to: either could be replaced.
  return named.flatMap((location) => {
    const real = facts.canonical(location.path);
    return real === null || real === location.path ? [location] : [location, { ...location, path: real }];
  });
}

/**
 * Refuses to run with a tool that the program could change for the next run. `isChangeable` says whether the program's
 * user could change what stands below a writable root; see `changeableBy`.
 * Errors: `tool_unsafe` naming the part and the writable root.
 */
export function assertToolSafe(
  writableRoots: readonly AbsolutePath[],
  locations: readonly ToolLocation[],
  isChangeable: (path: AbsolutePath) => boolean = () => true,
): void {
  for (const { what, path } of locations) {
    const root = writableRoots.find(
      (writable) => isWithin(writable, path) || (isWithin(path, writable) && isChangeable(path)),
    );
    if (root === undefined) continue;
    throw new SandboxedError("tool_unsafe", `${what} stands at ${path}, inside reach of the writable ${root}`, {
      hint: "a program could change the sandbox of the next run: install the tool elsewhere, or grant less",
    });
  }
}

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** More than any installation has. */
const MOST_FILES = 50_000;

/**
 * Could a program of this user change the file, or anything below the directory, or put something else in its place?
 * By owner and permission bits; the group's count as if the user were in it, which holds for access lists as well.
 */
export function changeableBy(uid: number, disk: Disk): (path: AbsolutePath) => boolean {
  if (uid === 0) return () => true;
  const isOpen = ({ kind, uid: owner, mode }: Look): boolean =>
    owner === uid || (kind !== "symlink" && (mode & WRITABLE_BY_OTHERS) !== 0);
  // In a sticky directory names are kept from everybody but their owners.
  const isOpenAbove = (look: Look): boolean => look.uid === uid || (isOpen(look) && (look.mode & STICKY) === 0);
  return (path) => {
    for (let at = path; at !== rootPath; at = parentPath(at)) if (isOpenAbove(disk.look(parentPath(at)))) return true;
    const left: AbsolutePath[] = [path];
    for (let seen = 0, at = left.pop(); at !== undefined; at = left.pop()) {
      const look = disk.look(at);
      if (isOpen(look) || ++seen > MOST_FILES) return true;
      if (look.kind === "directory") for (const name of disk.list(at).keys()) left.push(joinPath(at, name));
    }
    return false;
  };
}

/** Could a program of this user make what is missing? Told by owner and permission bits, as `changeableBy` does. */
export function makeableBy(uid: number, disk: Disk): (path: AbsolutePath) => boolean {
  return (path) => {
    let isBelowExisting = false;
    for (let at = path; at !== rootPath; at = parentPath(at)) {
      const { kind, uid: owner, mode } = disk.look(parentPath(at));
      if (kind === "missing") continue;
      if (uid === 0 || owner === uid) return true;
      // In a sticky directory new names are anybody's to make, and others' are not to be moved.
      const isSticky = isBelowExisting && (mode & STICKY) !== 0;
      if ((mode & WRITABLE_BY_OTHERS) !== 0 && !isSticky) return true;
      isBelowExisting = true;
    }
    return false;
  };
}

/**
 * Why somebody but root or the user could replace the file, in words that follow its name; null when nobody can.
 * The path must be canonical.
 */
export function replaceableBy(path: AbsolutePath, uid: number, disk: Disk): string | null {
  const { kind, mode } = disk.look(path);
  if (kind !== "file") return "is not a file";
  if ((mode & 0o111) === 0) return "is not executable";
  for (let at = path; ; at = parentPath(at)) {
    const look = disk.look(at);
    if (look.uid !== 0 && look.uid !== uid)
      return at === path ? "belongs to somebody else" : `lies in ${at}, which belongs to somebody else`;
    const sticky = at !== path && (look.mode & STICKY) !== 0;
    if ((look.mode & WRITABLE_BY_OTHERS) !== 0 && !sticky)
      return at === path ? "is writable by others" : `lies in ${at}, which others may write`;
    if (at === "/") return null;
  }
}
