import { absolutePath, isWithin, knownNormal, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Disk } from "./disk.ts";

export const mountTable = absolutePath("/proc/self/mountinfo");
export const largestTable = 4 * 1024 * 1024;

/** A line of the table, see proc_pid_mountinfo(5). */
interface Mount {
  readonly device: string;
  /** What of the file system is shown, and where. */
  readonly root: AbsolutePath;
  readonly point: AbsolutePath;
}

/**
 * Other paths that lead to the same directories or into them: bind mounts, a file system that is mounted twice. `paths`
 * are canonical; they need not exist.
 */
export function otherNames(paths: readonly AbsolutePath[], disk: Disk): readonly AbsolutePath[] {
  const mounts = (disk.text(mountTable, largestTable) ?? "").split("\n").flatMap((line) => mountIn(line) ?? []);
  const names = new Set<AbsolutePath>();
  for (const path of paths) {
    const own = mountOf(path, mounts);
    if (own === null) continue;
    const place = moved(path, own.point, own.root);
    for (const { device, root, point } of mounts) {
      if (device !== own.device) continue;
      if (isWithin(place, root)) names.add(moved(place, root, point));
      else if (isWithin(root, place)) names.add(point);
    }
  }
  return [...names].filter((name) => !paths.some((path) => isWithin(name, path)));
}

function mountIn(line: string): Mount | null {
  const [, , device, root, point] = line.split(" ");
  if (device === undefined || root === undefined || point === undefined) return null;
  const [shown, where] = [normalise(unescape(root)), normalise(unescape(point))];
  return shown === null || where === null ? null : { device, root: shown, point: where };
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

/** Spaces and the like are written as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
