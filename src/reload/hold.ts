import { lstatSync } from "node:fs";
import { isSource } from "./answers.ts";
import type { LiveRun } from "./live-run.ts";
import { codeOf } from "../policy/index.ts";

/** By then nearly every program has started. */
const SETTLED = 50;
/** How often it is looked whether there are requirements where there were none. */
const LOOKING = 250;

/**
 * Holds a run to its requirements while it is on: a change that narrows is put in force, and a run that could not start
 * any more is ended. Nobody waits for that to begin, and where there are no requirements next to nothing is loaded until
 * there are some. `close` when the run is over.
 */
export function holdToRequirements(live: LiveRun): { close(): Promise<void> } {
  const paths = live.files.flatMap(([path, trust]) => (isSource({ trust }) ? [path] : []));
  let held: Promise<{ close(): Promise<void> }> | null = null;
  let looking: NodeJS.Timeout | null = null;
  const look = (): void => {
    if (held !== null || !paths.some(isThere)) return;
    if (looking !== null) clearInterval(looking);
    held = import("./reload.ts").then(({ openReload }) => openReload(live));
    held.catch((error: unknown) => {
      // Nobody knows any more whether the run is within its bounds.
      const message = `requirements cannot be watched, so the run is ended: ${String(error)}`;
      live.tell({ effect: "ended", message, generation: null });
      live.running.revoke();
    });
  };
  const first = setTimeout(() => {
    look();
    if (held === null) looking = setInterval(look, LOOKING).unref();
  }, SETTLED);
  return {
    async close() {
      clearTimeout(first);
      if (looking !== null) clearInterval(looking);
      await held?.then(
        (reload) => reload.close(),
        () => {},
      );
    },
  };
}

/** What cannot be looked at is there, perhaps: whoever reads it finds out. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return codeOf(error) !== "ENOTDIR";
  }
}
