import { isWithin, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Toolchain } from "../../facts.ts";
import { describe } from "./describe.ts";
import type { DescribeRequest } from "./describe.ts";
import { expandRoot, managers } from "./managers.ts";
import type { Manager, RootContext } from "./managers.ts";
import { readEntries, readVenvHomes } from "./search.ts";
import type { SearchEntry } from "./search.ts";

export { searchPath } from "./search.ts";

export interface ToolchainRequest extends DescribeRequest {
  /** The links of the platform, which are shown as well. */
  readonly platformLinks: readonly AbsolutePath[];
}

/**
 * The toolchains that PATH leads to, in its order, with the real directories behind their shims. Nothing is shown that
 * is the home, holds it, or lies in the workspace.
 */
export function findToolchains(request: ToolchainRequest): readonly Toolchain[] {
  const { environment, home, platform, disk, workspace } = request;
  const entries = readEntries(environment.get("PATH") ?? "", request);
  const used = [...entries, ...readVenvHomes(entries, workspace, disk)];
  if (used.length === 0) return [];
  const named = normalise(environment.get("HOME") ?? "");
  const context: RootContext = { environment, homes: named === null || named === home ? [home] : [home, named] };
  const found: { order: number; toolchain: Toolchain }[] = [];
  let unclaimed: readonly SearchEntry[] = used;
  for (const manager of managers) {
    for (const { root, entry } of rootsInUse(manager, used, unclaimed, context)) {
      const toolchain = describe(manager, root, entries, request);
      if (toolchain === null) continue;
      found.push({ order: entry.order, toolchain });
      unclaimed = unclaimed.filter((other) => !leadsInto(other, root));
    }
  }
  const toolchains = found.toSorted((one, other) => one.order - other.order).map(({ toolchain }) => toolchain);
  return [...toolchains, ...linkedDirectories(entries, toolchains, platform)];
}

/** The roots of a manager that an entry of PATH leads to. What one manager owns is no unpacked distribution of another. */
function rootsInUse(
  manager: Manager,
  used: readonly SearchEntry[],
  unclaimed: readonly SearchEntry[],
  context: RootContext,
): readonly { root: string; entry: SearchEntry }[] {
  const roots = new Map<string, SearchEntry>();
  const keep = (root: string, entry: SearchEntry | undefined): void => {
    if (entry !== undefined && !roots.has(root)) roots.set(root, entry);
  };
  for (const text of manager.roots) {
    if (text === "PATH/..") {
      for (const entry of unclaimed) if (entry.real.endsWith("/bin")) keep(entry.real.slice(0, -"/bin".length), entry);
      continue;
    }
    for (const root of expandRoot(text, context)) {
      const places = [root, ...(manager.beside ?? []).flatMap((place) => expandRoot(place, context))];
      keep(
        root,
        used.find((entry) => places.some((place) => leadsInto(entry, place))),
      );
    }
  }
  return [...roots].map(([root, entry]) => ({ root, entry }));
}

function leadsInto({ given, real }: SearchEntry, root: string): boolean {
  if (given === root || real === root) return true;
  const below = `${root}/`;
  return given.startsWith(below) || real.startsWith(below);
}

/**
 * Entries of PATH that are links into what is shown, from where nothing is: `~/.nix-profile/bin`, a shell's own
 * directory of fnm. Their targets take their places.
 */
function linkedDirectories(
  entries: readonly SearchEntry[],
  toolchains: readonly Toolchain[],
  platform: readonly AbsolutePath[],
): readonly Toolchain[] {
  const shown = [...platform, ...toolchains.flatMap(({ roots }) => roots)];
  return entries
    .filter(({ given, real }) => real !== given && shown.some((root) => isWithin(real, root)))
    .filter(({ given }) => !shown.some((root) => isWithin(given, root)))
    .map(({ text, real }) => ({ name: "links", roots: [], path: [real], shims: [text], environment: [] }));
}
