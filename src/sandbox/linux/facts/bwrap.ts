import { joinPath, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Disk } from "./disk.ts";
import { replaceableBy } from "./tool.ts";

const SYSTEM_DIRECTORIES = ["/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin"];

/**
 * The bubblewrap to use, canonical: the system's own before whatever PATH offers, and only one that nobody but root
 * and the user could have put there.
 */
export function findBwrap(
  search: string | undefined,
  uid: number,
  disk: Disk,
): { readonly path: AbsolutePath } | { readonly missing: string } {
  const refused: string[] = [];
  const directories = [...SYSTEM_DIRECTORIES, ...(search ?? "").split(":").filter((entry) => entry.startsWith("/"))];
  for (const directory of new Set(directories)) {
    const place = normalise(directory);
    const path = place === null || /[\r\n]/.test(place) ? null : disk.canonical(joinPath(place, "bwrap"));
    if (path === null || disk.look(path).kind === "missing") continue;
    const why = replaceableBy(path, uid, disk);
    if (why === null) return { path };
    refused.push(`${path} ${why}`);
  }
  if (refused.length > 0) return { missing: `none can be trusted: ${[...new Set(refused)].join("; ")}` };
  return { missing: `bwrap is neither in ${SYSTEM_DIRECTORIES.slice(0, 2).join(" and ")} nor in PATH` };
}
