import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { escapeText, SandboxedError } from "../policy/index.ts";
import { sha256 } from "./digest.ts";
import { FileJournal } from "./file-journal.ts";
import { stateFolders, unwritable } from "./folder.ts";
import type { StateFolders } from "./folder.ts";
import { openHead, readHead, writeHead } from "./head.ts";
import { claim, claims, ownerState, release, withdraw } from "./owner.ts";
import type { Claim } from "./owner.ts";
import type { JournalRecord } from "./record.ts";
import { journalPath, openJournalFile } from "./session.ts";
import type { Session } from "./session.ts";
import { readJournal, verifyJournal } from "./verify.ts";

/** A session whose process died while a program ran: its clean-up is still owed. */
export interface RecoverableSession {
  readonly id: string;
  readonly folder: string;
  /** The process that died. */
  readonly pid: number;
  /** The `run.launching` record that no end answers. */
  readonly launching: JournalRecord;
}

/**
 * Sessions with a launch and no end whose owner is dead. Owners that cannot be judged from here (another PID namespace)
 * count as alive. Costs one directory listing when no session is open. A dead owner's mark that leaves nothing to finish
 * is removed on the way.
 */
export function recoverable(environment: ReadonlyMap<string, string>): readonly RecoverableSession[] {
  const folders = stateFolders(environment);
  const found: RecoverableSession[] = [];
  for (const { id, generation, owner } of claims(folders.active)) {
    if (owner === null || ownerState(owner) !== "dead") continue;
    const folder = join(folders.sessions, id);
    const launching = unanswered(journalPath(folder));
    if (launching === null) release(folders.active, id, generation);
    else found.push({ id, folder, pid: owner.pid, launching });
  }
  return found;
}

/** Whether somebody, alive or dead, still calls it its own. */
export function isOpen(environment: ReadonlyMap<string, string>, id: string): boolean {
  return claims(stateFolders(environment).active).some((each) => each.id === id);
}

/**
 * Takes over a session whose owner died and goes on with its journal: cuts half a line aside into `journal.torn`, then
 * records that the run was interrupted. Null when somebody else has it, or it has ended. Throws `journal_broken` when the
 * journal is not what its owner left: nothing is appended to a changed one.
 */
export function adoptSession(environment: ReadonlyMap<string, string>, id: string): Session | null {
  const folders = stateFolders(environment);
  const last = claims(folders.active).find((each) => each.id === id);
  if (last === undefined || last.owner === null || ownerState(last.owner) !== "dead") return null;
  const folder = join(folders.sessions, id);
  try {
    if (!claim(folders.active, id, last.generation + 1)) return null;
    // Whoever was quicker may have finished and withdrawn every mark before this one was made.
    if (readHead(join(folder, "head.json"))?.closed === true) {
      release(folders.active, id, last.generation + 1);
      return null;
    }
    return { id, folder, journal: goOn(folders, folder, last, last.owner.pid) };
  } catch (error) {
    // A changed journal is nobody's to go on with; anything else (a full disk) may go better next time.
    if (error instanceof SandboxedError && error.code === "journal_broken")
      release(folders.active, id, last.generation + 1);
    else withdraw(folders.active, id, last.generation + 1);
    throw unwritable(journalPath(folder), error);
  }
}

function goOn(folders: StateFolders, folder: string, last: Claim, pid: number): FileJournal {
  const path = journalPath(folder);
  const open = unanswered(path) !== null;
  const state = verifyJournal(path);
  if (state.status === "broken") {
    throw new SandboxedError("journal_broken", `${escapeText(path)}, line ${state.line}: ${state.message}`, {
      hint: "keep the folder as evidence; it is not written to any more",
    });
  }
  const { length, torn } = cutTorn(folder, path, state.torn);
  const head = openHead(join(folder, "head.json"), false);
  writeHead(head, { count: state.count, hash: state.hash, closed: false });
  const journal = new FileJournal({
    path,
    session: last.id,
    file: openJournalFile(path, false),
    head,
    length,
    count: state.count,
    hash: state.hash,
    folders: [folder, folders.sessions, folders.active],
    whenClosed: () => release(folders.active, last.id, last.generation + 1),
  });
  if (torn !== null) journal.append({ kind: "journal.recovered", ...torn }, "durable");
  if (open) journal.append({ kind: "run.interrupted", pid }, "durable");
  return journal;
}

interface Cut {
  readonly length: number;
  readonly torn: { readonly bytes: number; readonly sha256: string; readonly kept: string } | null;
}

function cutTorn(folder: string, path: string, bytes: number): Cut {
  const file = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const { size } = fstatSync(file);
    if (bytes === 0) return { length: size, torn: null };
    const tail = Buffer.alloc(bytes);
    readSync(file, tail, 0, bytes, size - bytes);
    // First the copy, on the disk; only then the cut.
    keep(join(folder, "journal.torn"), tail);
    ftruncateSync(file, size - bytes);
    fsyncSync(file);
    return { length: size - bytes, torn: { bytes, sha256: sha256(tail), kept: "journal.torn" } };
  } finally {
    closeSync(file);
  }
}

function keep(path: string, tail: Buffer): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  try {
    writeFileSync(file, tail);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const ends: ReadonlySet<string> = new Set(["run.ended", "run.failed", "run.interrupted"]);

/** The latest launch without an end; null when there is none, or no journal. */
function unanswered(path: string): JournalRecord | null {
  let launching: JournalRecord | null = null;
  try {
    for (const record of readJournal(path)) {
      if (record.kind === "run.launching") launching = record;
      if (ends.has(record.kind)) launching = null;
    }
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
  }
  return launching;
}
