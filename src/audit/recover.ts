import { SandboxedError } from "../policy/index.ts";
import type { JournalEvent } from "../policy/index.ts";
import { adoptSession, isOpen, recoverable } from "./recovery.ts";
import type { RecoverableSession } from "./recovery.ts";
import { journalPath } from "./session.ts";
import { readJournal } from "./verify.ts";

/** What the process that died was about to change. */
export interface Unfinished {
  readonly pid: number;
  readonly paths: readonly string[];
}

/** As many as are closed in one go: the next run goes on with the rest. */
const MOST = 16;

/**
 * Closes sessions whose process died while a program ran, each with a record that says so. What cannot be closed now is
 * left for later: it is no concern of the run that finds it. `whenClosed` is told of changes that its program asked for and
 * that have no end. Returns how many were closed.
 */
export function recoverSessions(
  environment: ReadonlyMap<string, string>,
  whenClosed: (unfinished: Unfinished) => void = () => {},
): number {
  const all = recoverable(environment).slice(0, MOST);
  return all.filter((each) => recover(environment, each, [], whenClosed)).length;
}

/** The same for one session, with `events` in its journal. False while its process is alive: then try again. */
export function recoverSession(
  environment: ReadonlyMap<string, string>,
  id: string,
  events: readonly JournalEvent[],
  whenClosed: (unfinished: Unfinished) => void,
): boolean {
  const found = recoverable(environment).find((each) => each.id === id);
  if (found === undefined) return !isOpen(environment, id);
  return recover(environment, found, events, whenClosed);
}

function recover(
  environment: ReadonlyMap<string, string>,
  { id, folder, pid }: RecoverableSession,
  events: readonly JournalEvent[],
  whenClosed: (unfinished: Unfinished) => void,
): boolean {
  try {
    const session = adoptSession(environment, id);
    if (session === null) return false;
    for (const event of events) session.journal.append(event, "batched");
    session.journal.close();
    const paths = unfinishedPaths(journalPath(folder));
    if (paths.length > 0) whenClosed({ pid, paths });
    return true;
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    return false;
  }
}

function unfinishedPaths(journal: string): readonly string[] {
  const open = new Map<unknown, readonly string[]>();
  for (const { kind, members } of readJournal(journal)) {
    const subjects = members.get("subjects");
    if (kind === "session.called") open.delete(members.get("call"));
    if (kind !== "session.calling" || !Array.isArray(subjects)) continue;
    open.set(
      members.get("call"),
      subjects.filter((each): each is string => typeof each === "string" && each.startsWith("/")),
    );
  }
  return [...open.values()].flat();
}
