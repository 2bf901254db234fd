/** Before the program starts, its launch is in the journal, and on the disk. */
import type { Journal } from "../../../policy/index.ts";
import type { CompanionRun, StartRequest } from "../../request.ts";
import type { Launch } from "../launch/index.ts";
import type { Launchable } from "./launchable.ts";

/** Errors: `journal_unwritable`, and nothing of the program ran. */
export function openJournal({ session }: StartRequest, launched: Launch): Journal {
  try {
    return session.openJournal();
  } catch (error) {
    launched.abort();
    throw error;
  }
}

/** Settles when the launch is on the disk. Whoever does not ask for it does not learn that it failed. */
export function recordLaunch(journal: Journal, { plan, fingerprint }: Launchable): Promise<void> {
  const write = async (): Promise<void> => {
    journal.append(
      {
        kind: "run.launching",
        profile: plan.profile,
        backend: plan.backend,
        plan: fingerprint(),
        program: plan.program,
        argv: plan.argv,
        reduced: plan.reductions.map(({ rule, holds }) => `${rule}: ${holds}`),
      },
      journal.synced === undefined ? "durable" : "batched",
    );
    await journal.synced?.();
  };
  const written = write();
  written.catch(() => {});
  return written;
}

/** Lets the program start once its launch is written; if it cannot be, nothing starts. */
export async function letGo(
  request: StartRequest,
  launched: Launch,
  written: Promise<void>,
  run: CompanionRun,
): Promise<void> {
  try {
    await written;
    request.companion?.begin(run);
    launched.go();
  } catch (error) {
    launched.abort();
    throw error;
  }
}
