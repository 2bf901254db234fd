/**
 * After a launcher that was killed: the guard, which has ended the sandbox, becomes this program. It looks at what the
 * run left as the launcher would have done, and says so in the journal.
 */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Unfinished } from "../audit/index.ts";
import { settleEstate } from "../sandbox/index.ts";
import { removeLeftovers } from "./leftovers.ts";

/** A process that was killed is gone a moment after its descriptors are. */
const TRIES = 20;
const PAUSE_MS = 50;

const settled = settleEstate(readFileSync(0, "utf8"));
if (settled !== null) void recordIn(settled);

async function recordIn({ session, state, findings }: NonNullable<typeof settled>): Promise<void> {
  const environment = new Map([["XDG_STATE_HOME", dirname(state)]]);
  const events = findings.map((finding) => ({ kind: "run.repaired", ...finding }) as const);
  const { recoverSession } = await import("../audit/recover.ts");
  const unfinished: Unfinished[] = [];
  for (let tried = 0; tried < TRIES; tried++) {
    if (recoverSession(environment, session, events, (each) => unfinished.push(each))) break;
    // oxlint-disable-next-line no-await-in-loop -- it waits for the end of another process
    await sleep(PAUSE_MS);
  }
  await removeLeftovers(unfinished);
}
