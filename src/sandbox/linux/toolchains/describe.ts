import { isWithin, normalise } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Toolchain } from "../../facts.ts";
import type { Disk } from "../facts/index.ts";
import type { Manager } from "./managers.ts";
import type { SearchEntry } from "./search.ts";
import { chosenDirectories } from "./versions.ts";

export interface DescribeRequest {
  readonly environment: ReadonlyMap<string, string>;
  readonly home: AbsolutePath;
  readonly cwd: AbsolutePath;
  /** What lies in it is the workspace's business: it is visible anyway, and an environment there may be written. */
  readonly workspace: AbsolutePath;
  readonly platform: readonly AbsolutePath[];
  readonly disk: Disk;
}

/** `/x/y` at the least: no directory of the top is anybody's toolchain. */
const SHALLOWEST = 3;

/**
 * What a manager with this root shows. Null when the root is not one, or when it is or holds the home: a variable
 * decides where the root is, and must not be a way to show other things.
 */
export function describe(
  manager: Manager,
  named: string,
  entries: readonly SearchEntry[],
  request: DescribeRequest,
): Toolchain | null {
  const { disk, home, workspace, platform } = request;
  const given = normalise(named);
  const root = given === null ? null : disk.canonical(given);
  if (root === null || isWithin(home, root) || root.split("/").length < SHALLOWEST) return null;
  if (platform.some((shown) => isWithin(root, shown))) return null;
  const existing = (name: string): AbsolutePath | null => {
    const path = normalise(`${root}/${name}`);
    return path === null || disk.look(path).kind === "missing" ? null : path;
  };
  if (!manager.signature.every((name) => existing(name) !== null)) return null;
  const roots = manager.show.flatMap((name) => {
    const found = existing(name);
    const path = found === null ? null : disk.canonical(found);
    const unfit =
      path === null || isWithin(home, path) || [workspace, ...platform].some((shown) => isWithin(path, shown));
    return unfit ? [] : [path];
  });
  if (roots.length === 0) return null;
  const places = [`${given}/${manager.shims}`, `${root}/${manager.shims}`];
  const shims = entries.filter((entry) => places.includes(entry.given) || places.includes(entry.real));
  const { choose } = manager;
  const path = choose === undefined || shims.length === 0 ? [] : chosenDirectories(choose, { ...request, root });
  return {
    name: manager.name,
    roots: [...new Set(roots)],
    path: path.filter((directory) => roots.some((shown) => isWithin(directory, shown))),
    shims: shims.map(({ text }) => text),
    environment: manager.environment,
  };
}
