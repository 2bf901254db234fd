import { start as startSandbox } from "../sandbox/index.ts";
import type { Launchable, Running, RunOutcome, StartRequest } from "../sandbox/index.ts";
import type { RunChannel } from "../session/index.ts";
import { serving } from "./serving.ts";

/** Starts the program of a launch that was prepared or recalled; the result streams. `equip` it first. */
export function start(request: StartRequest, launchable: Launchable): Running {
  return startSandbox({ serveDoor: serving(null, null), ...request }, launchable);
}

/**
 * The outcome, and what the program handed to its session apart from what it printed; when all that it started through
 * the session has ended, too.
 */
export async function withSummaries(outcome: RunOutcome, channel: RunChannel | undefined): Promise<RunOutcome> {
  if (channel === undefined) return outcome;
  await channel.settled();
  return { ...outcome, summaries: channel.summaries };
}
