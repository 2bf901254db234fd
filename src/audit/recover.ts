import { SandboxedError } from "../policy/index.ts";
import { adoptSession, recoverable } from "./recovery.ts";

/** As many as are closed in one go: the next run goes on with the rest. */
const MOST = 16;

/**
 * Closes sessions whose process died while a program ran, each with a record that says so. What cannot be closed now is
 * left for later: it is no concern of the run that finds it. Returns how many were closed.
 */
export function recoverSessions(environment: ReadonlyMap<string, string>): number {
  let closed = 0;
  for (const { id } of recoverable(environment).slice(0, MOST)) {
    try {
      const session = adoptSession(environment, id);
      session?.journal.close();
      if (session !== null) closed++;
    } catch (error) {
      if (!(error instanceof SandboxedError)) throw error;
    }
  }
  return closed;
}
