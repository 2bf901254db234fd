/** Before the program starts, its launch is in the journal, and on the disk. */
import type { Journal } from "../../../policy/index.ts";
import type { CompanionRun, StartRequest } from "../../request.ts";
import { syncInBackground } from "../launch/index.ts";
import type { Launch } from "../launch/index.ts";
import type { Launchable } from "./launchable.ts";

/** Where it throws, nothing of the program ran, nor will. */
export function orAbort<T>(launched: Launch, act: () => T): T {
  try {
    return act();
  } catch (error) {
    launched.abort();
    throw error;
  }
}

/** Errors: `journal_unwritable`. */
export function openJournal({ session }: StartRequest, launched: Launch): Journal {
  return orAbort(launched, () => session.openJournal());
}

/** What it returns waits until the launch is on the disk. Errors of both: `journal_unwritable`. */
export function recordLaunch(journal: Journal, { plan, fingerprint }: Launchable, launched: Launch): () => void {
  return orAbort(launched, () => {
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
  });
}

/** Lets the program start once its launch is written; if it cannot be, nothing starts. */
export function letGo(request: StartRequest, launched: Launch, written: () => void, run: CompanionRun): void {
  orAbort(launched, () => {
    written();
    request.companion?.begin(run);
    launched.go();
  });
}
