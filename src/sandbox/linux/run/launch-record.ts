/** Before the program starts, its launch is in the journal, and on the disk. */
import type { Journal } from "../../../policy/index.ts";
import type { CompanionRun, StartRequest } from "../../request.ts";
import { syncInBackground } from "../launch/index.ts";
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

/** What it returns waits until the launch is on the disk. Errors of both: `journal_unwritable`, and nothing ran. */
export function recordLaunch(journal: Journal, { plan, fingerprint }: Launchable, launched: Launch): () => void {
  try {
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
      journal.syncing === undefined ? "durable" : "batched",
    );
    return journal.syncing?.(syncInBackground) ?? (() => {});
  } catch (error) {
    launched.abort();
    throw error;
  }
}

/** Lets the program start once its launch is written; if it cannot be, nothing starts. */
export function letGo(request: StartRequest, launched: Launch, written: () => void, run: CompanionRun): void {
  try {
    written();
    request.companion?.begin(run);
    launched.go();
  } catch (error) {
    launched.abort();
    throw error;
  }
}
