import { workspaces } from "../../../generated/data.ts";
import { isWithin, normalise, parentPath, rootPath } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Account, HostFacts } from "../../facts.ts";
import type { Disk } from "./disk.ts";

/** What the judgement needs of the facts. */
export type Surroundings = Pick<HostFacts, "platform" | "toolchains" | "tmpdir"> & {
  readonly account: Pick<Account, "home" | "otherHomes" | "uid">;
};

/**
 * The work tree of the repository that holds `cwd`, else `cwd`. A repository whose work tree may not be a workspace
 * (a home under version control) does not count, nor one that somebody else put above.
 */
export function workspaceOf(
  cwd: AbsolutePath,
  mode: "repo" | "cwd",
  surroundings: Surroundings,
  disk: Disk,
): AbsolutePath {
  if (mode === "cwd") return cwd;
  const owners = new Set([surroundings.account.uid, disk.look(cwd).uid]);
  for (let at = cwd; at !== rootPath; at = parentPath(at)) {
    if (!holdsRepository(at, owners, disk)) continue;
    return unsafeWorkspace(at, surroundings) === null ? at : cwd;
  }
  return cwd;
}

function holdsRepository(directory: AbsolutePath, owners: ReadonlySet<number>, disk: Disk): boolean {
  const dotGit = normalise(`${directory}/.git`) ?? directory;
  const { kind, uid } = disk.look(dotGit);
  if (kind === "missing" || !owners.has(uid)) return false;
  if (kind === "file") return disk.text(dotGit)?.startsWith("gitdir:") === true;
  return (
    kind === "directory" &&
    disk.look(normalise(`${dotGit}/HEAD`) ?? dotGit).kind !== "missing" &&
    disk.look(normalise(`${dotGit}/objects`) ?? dotGit).kind === "directory"
  );
}

/**
 * Why a directory does not become a workspace by itself, in words that follow its name; null when it may.
 * `--write` says it explicitly and does not ask here.
 */
export function unsafeWorkspace(path: AbsolutePath, surroundings: Surroundings): string | null {
  const { places, trees, home_places: homePlaces, home_trees: homeTrees } = workspaces;
  const { account, platform, toolchains, tmpdir } = surroundings;
  if (path === rootPath) return "is the whole system";
  for (const home of [account.home, ...(account.otherHomes ?? [])]) {
    if (path === home) return "is the home directory";
    if (isWithin(home, path)) return "holds the home directory";
    if (parentPath(path) === home && path.startsWith(`${home}/.`)) return "is a directory of settings in the home";
    if (homePlaces.some((name) => path === `${home}/${name}`)) return "is shared by the programs of the account";
    if (homeTrees.some((name) => within(path, `${home}/${name}`))) {
      return "holds settings, credentials or programs of the account";
    }
  }
  if (path === tmpdir) return "is the temporary directory of all programs";
  if (places.some((place) => path === place)) return "is a directory of the system";
  if (trees.some((tree) => within(path, tree))) return "belongs to the system";
  if (platform.some((root) => isWithin(path, root))) return "belongs to the system's programs";
  const owner = toolchains.find(({ roots }) => roots.some((root) => isWithin(path, root)));
  return owner === undefined ? null : `belongs to ${owner.name}`;
}

/** Like `isWithin`, for the lists of data: they are written in normal form, and checking that takes time. */
function within(path: string, root: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}
