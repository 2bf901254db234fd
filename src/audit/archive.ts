import { lstatSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { SandboxedError } from "../policy/index.ts";
import { stateFolders, unwritable } from "./folder.ts";
import { isSessionId, sessionTime } from "./identifier.ts";
import { claims, ownerState } from "./owner.ts";
import { journalPath } from "./session.ts";
import type { SessionEntry } from "./session.ts";
import { verifyJournal } from "./verify.ts";

/** `interrupted`: the tool died, and nobody has closed the session yet. */
export type SessionState = "running" | "ended" | "interrupted";

/** An owner that cannot be judged from here (another PID namespace) counts as alive. */
export function stateOf(environment: ReadonlyMap<string, string>, { id }: SessionEntry): SessionState {
  const last = claims(stateFolders(environment).active).find((each) => each.id === id);
  if (last === undefined) return "ended";
  return last.owner !== null && ownerState(last.owner) === "dead" ? "interrupted" : "running";
}

/**
 * Moves an ended session out of the list; returns its new folder. Errors: `usage` for one that has not ended,
 * `journal_broken` where folder and journal are not of the same session, or the journal was changed.
 */
export function archiveSession(environment: ReadonlyMap<string, string>, session: SessionEntry): string {
  const state = stateOf(environment, session);
  if (state !== "ended") {
    throw new SandboxedError("usage", `session ${session.id} is ${state}`, {
      hint:
        state === "running" ? "wait for its end, or sandboxed session cancel" : "sandboxed session resume closes it",
    });
  }
  // A journal that speaks of another session does not belong under this name.
  const found = verifyJournal(session.journal);
  if (found.status === "broken") {
    throw new SandboxedError(
      "journal_broken",
      `the journal of ${session.id} is not what was written: ${found.message}`,
      {
        hint: "sandboxed audit verify says more; it stays where it is",
      },
    );
  }
  const folder = archiveFolder(environment);
  const target = join(folder, session.id);
  try {
    if (!lstatSync(session.folder).isDirectory()) throw new Error("it is not a directory");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    renameSync(session.folder, target);
    return target;
  } catch (error) {
    throw unwritable(target, error);
  }
}

/** Oldest first. */
export function archivedSessions(environment: ReadonlyMap<string, string>): readonly SessionEntry[] {
  const place = archiveFolder(environment);
  let names: readonly string[];
  try {
    names = readdirSync(place);
  } catch {
    return []; // nothing was ever archived
  }
  return names
    .filter((name) => isSessionId(name))
    .toSorted()
    .map((id) => {
      const folder = join(place, id);
      return { id, folder, journal: journalPath(folder), opened: sessionTime(id) };
    });
}

function archiveFolder(environment: ReadonlyMap<string, string>): string {
  return join(stateFolders(environment).state, "archive");
}
