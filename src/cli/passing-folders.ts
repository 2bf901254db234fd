import { accessSync, constants, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { toolFolders } from "../sandbox/index.ts";

/** Folders for a run that keeps nothing, gone with it. */
export interface PassingFolders {
  /** The caller's, with the tool's own folders elsewhere. */
  readonly environment: ReadonlyMap<string, string>;
  readonly remove: () => void;
}

/** Null where the tool's own folders can be made where they belong, or nowhere: then the launch says what is wrong. */
export function passingFolders(environment: ReadonlyMap<string, string>): PassingFolders | null {
  const { state, cache } = toolFolders(environment);
  if ([state, cache].every(canBeMade)) return null;
  const folder = temporary();
  if (folder === null) return null;
  const [ownState, ownCache] = [join(folder, "state"), join(folder, "cache")];
  const moved = new Map([...environment, ["XDG_STATE_HOME", ownState], ["XDG_CACHE_HOME", ownCache]]);
  const remove = (): void => {
    const { state: used } = toolFolders(moved);
    // What was moved aside is the person's: it is kept where the report says it is.
    const kept = listed(join(used, "quarantine")).length > 0;
    for (const path of kept ? [ownCache] : [folder]) rmSync(path, { recursive: true, force: true });
  };
  return { environment: moved, remove };
}

function temporary(): string | null {
  try {
    return mkdtempSync(join(tmpdir(), "sandboxed-"));
  } catch {
    return null;
  }
}

/** By what is there of it already. */
function canBeMade(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    try {
      if (lstatSync(at, { throwIfNoEntry: false }) === undefined && at !== dirname(at)) continue;
      accessSync(at, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false;
    }
  }
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // nothing was moved aside
  }
}
