import { absolutePath, isWithin, knownNormal, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Disk } from "./disk.ts";

export const mountTable = absolutePath("/proc/self/mountinfo");
export const LARGEST_TABLE = 4 * 1024 * 1024;

/** A line of the table, see proc_pid_mountinfo(5). */
export interface Mount {
  readonly device: string;
  /** What of the file system is shown, and where. */
  readonly root: AbsolutePath;
  readonly point: AbsolutePath;
  /** `ro,nosuid` and the like, of the mount itself. */
  readonly options: string;
}

export function readMounts(table: string): readonly Mount[] {
  return table.split("\n").flatMap((line) => mountIn(line) ?? []);
}

/** All that is mounted at the path and below it, as text to compare. */
export function coversOf(path: AbsolutePath, mounts: readonly Mount[]): readonly string[] {
  return mounts.flatMap(({ root, point, options }) => (isWithin(point, path) ? [`${root} ${point} ${options}`] : []));
}

/** Paths that lead to the same directory as a canonical one, there or not, or into it; itself among them. */
export function aliasesOf(path: AbsolutePath, mounts: readonly Mount[]): readonly AbsolutePath[] {
  const own = mountOf(path, mounts);
  if (own === null) return [];
  const place = moved(path, own.point, own.root);
  return mounts.flatMap(({ device, root, point }) => {
    if (device !== own.device) return [];
    if (isWithin(place, root)) return [moved(place, root, point)];
    return isWithin(root, place) ? [point] : [];
  });
}

/** Other paths that lead to the same directories or into them: bind mounts, a file system that is mounted twice. */
export function otherNames(paths: readonly AbsolutePath[], disk: Disk): readonly AbsolutePath[] {
  const names = new Set(paths.flatMap((path) => disk.aliases(path)));
  return [...names].filter((name) => !paths.some((path) => isWithin(name, path)));
}

function mountIn(line: string): Mount | null {
  const [, , device, root, point, options = ""] = line.split(" ", 6);
  if (device === undefined || root === undefined || point === undefined) return null;
  const [shown, where] = [pathIn(root), pathIn(point)];
  return shown === null || where === null ? null : { device, root: shown, point: where, options };
}

/** What the path lies in: the deepest mount, of several in one place the last. */
function mountOf(path: AbsolutePath, mounts: readonly Mount[]): Mount | null {
  let found: Mount | null = null;
  for (const mount of mounts) {
    if (isWithin(path, mount.point) && mount.point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found;
}

/** The same place below another directory. */
function moved(path: AbsolutePath, from: AbsolutePath, to: AbsolutePath): AbsolutePath {
  const below = from === "/" ? path : path.slice(from.length);
  return to === "/" ? knownNormal(below === "" ? "/" : below) : knownNormal(below === "/" ? to : to + below);
}

/** What the kernel writes is in normal form, but for spaces and the like, three octal digits each, and `//deleted`. */
function pathIn(field: string): AbsolutePath | null {
  if (field.startsWith("/") && !field.includes("\\") && !field.includes("//")) return knownNormal(field);
  return normalise(
    field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8))),
  );
}
