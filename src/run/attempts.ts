import { SandboxedError } from "../policy/index.ts";
import { StaleLaunch } from "../sandbox/index.ts";
import type { StartRequest } from "../sandbox/index.ts";

/** A host that changes whenever a launch is prepared is not waited for. */
export const MOST_ATTEMPTS = 3;

/**
 * Launches until a launch fits the host; `attempt` gets what the one before came to. Errors: those of `attempt`, and
 * instead of the last `StaleLaunch` the refusal behind it.
 */
export async function untilItFits<T>(attempts: number, attempt: (stale: StaleLaunch | null) => Promise<T>): Promise<T> {
  let stale: StaleLaunch | null = null;
  try {
    for (let done = 0; done < attempts; done++) {
      try {
        // oxlint-disable-next-line no-await-in-loop -- one attempt after the other
        return await attempt(stale);
      } catch (error) {
        if (!(error instanceof StaleLaunch)) throw error;
        stale = error;
      }
    }
    throw stale?.cause ?? new SandboxedError("internal", "a launch prepared just now is out of date");
  } finally {
    stale?.journal?.close();
  }
}

/** The session of a launch that may be the second one: it goes on with the journal of the first. */
export function sessionAfter(session: StartRequest["session"], stale: StaleLaunch | null): StartRequest["session"] {
  return { id: session.id, openJournal: () => stale?.journal ?? session.openJournal() };
}
