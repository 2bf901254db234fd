import { absolutePath, normalise, rootPath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath } from "../../../policy/index.ts";
import type { Account } from "../../facts.ts";
import type { Disk } from "./disk.ts";

const DATABASE = absolutePath("/etc/passwd");
const LARGEST_DATABASE = 4 * 1024 * 1024;

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Who runs this and where the home is. A home that is `/` (accounts without an entry, in containers) counts as none.
 * Errors: `setup_failed` when the home's path cannot be resolved.
 */
export function readAccount(ids: Ids, environment: ReadonlyMap<string, string>, disk: Disk): Account {
  const entry = databaseEntry(ids.uid, disk);
  const name = entry?.name ?? `user${ids.uid}`;
  const asked = usable(environment.get("HOME"));
  const recorded = usable(entry?.home);
  const home = canonicalHome(asked ?? recorded ?? absolutePath(`/home/${name}`), disk);
  const other = recorded === null ? null : disk.canonical(recorded);
  return { ...ids, name, home, otherHomes: other === null || other === home ? [] : [other] };
}

function usable(path: string | undefined): AbsolutePath | null {
  const home = path === undefined ? null : normalise(path);
  return home === rootPath ? null : home;
}

function canonicalHome(home: AbsolutePath, disk: Disk): AbsolutePath {
  const real = disk.canonical(home);
  if (real !== null && real !== rootPath) return real;
  throw new SandboxedError("setup_failed", `the home directory ${home} cannot be resolved`, {
    hint: "set HOME to a directory you may search",
  });
}

function databaseEntry(uid: number, disk: Disk): { name: string; home: string } | null {
  for (const line of (disk.text(DATABASE, LARGEST_DATABASE) ?? "").split("\n")) {
    const [name, , id, , , home] = line.split(":");
    if (name !== undefined && name !== "" && home !== undefined && id === String(uid)) return { name, home };
  }
  return null;
}
