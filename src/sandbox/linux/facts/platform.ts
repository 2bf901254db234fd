import { minimal } from "../../../generated/data.ts";
import { isWithin, normalise, parentPath, rootPath } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { HostFacts, PathKind } from "../../facts.ts";
import type { Disk } from "./disk.ts";

export type Platform = Pick<HostFacts, "platform" | "platformLinks">;

/**
 * What `:minimal` stands for on this machine: canonical paths, none inside another, and the links that lead to them.
 * Directories are listed rather than names looked up: far fewer calls.
 */
export function readPlatform(disk: Disk): Platform {
  const { trees, tops, etc, never } = minimal;
  const known = new Map<string, ReadonlyMap<string, PathKind>>();
  const listed = (folder: AbsolutePath): ReadonlyMap<string, PathKind> => {
    const names = known.get(folder) ?? disk.list(folder);
    known.set(folder, names);
    return names;
  };
  const platform: AbsolutePath[] = [];
  const platformLinks: { path: AbsolutePath; to: string }[] = [];
  const show = (path: AbsolutePath, found: PathKind): void => {
    const real = found === "symlink" ? disk.canonical(path) : path;
    if (real === null || (real !== path && never.some((root) => overlap(real, root)))) return;
    const covered = platform.some((root) => isWithin(real, root));
    const kind = found === "symlink" && !covered ? disk.look(real).kind : found;
    if (kind !== "directory" && kind !== "file" && !covered) return;
    if (real !== path) platformLinks.push({ path, to: linkText(path, real, disk) });
    if (!covered) platform.push(real);
  };
  for (const pattern of [...trees, ...tops, ...etc]) expand(rootPath, pattern.slice(1).split("/"), listed, show);
  return { platform, platformLinks };
}

/** The link as the host has it when it leads there in one step, else the end of the chain. */
function linkText(path: AbsolutePath, real: AbsolutePath, disk: Disk): string {
  const text = disk.link(path);
  if (text === null) return real;
  return normalise(text.startsWith("/") ? text : `${parentPath(path)}/${text}`) === real ? text : real;
}

/** Calls `show` for the existing paths below `folder` that the names stand for. */
function expand(
  folder: AbsolutePath,
  [name = "", ...rest]: readonly string[],
  listed: (folder: AbsolutePath) => ReadonlyMap<string, PathKind>,
  show: (path: AbsolutePath, kind: PathKind) => void,
): void {
  const entries = listed(folder);
  const [head = "", tail] = name.split("*");
  const names = tail === undefined ? [name] : [...entries.keys()].filter((entry) => fits(entry, head, tail)).toSorted();
  for (const entry of names) {
    const kind = entries.get(entry);
    const path = kind === undefined ? null : normalise(`${folder}/${entry}`);
    if (kind === undefined || path === null) continue;
    if (rest.length === 0) show(path, kind);
    else if (kind === "directory") expand(path, rest, listed, show);
    else if (kind === "symlink") expand(path, rest, listed, (below) => show(below, "symlink")); // none below is canonical
  }
}

function overlap(one: string, other: string): boolean {
  return one === other || one.startsWith(`${other}/`) || other.startsWith(`${one}/`);
}

function fits(name: string, head: string, tail: string): boolean {
  return name.length >= head.length + tail.length && name.startsWith(head) && name.endsWith(tail);
}
