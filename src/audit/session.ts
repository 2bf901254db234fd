import { closeSync, constants, openSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";
import type { Journal, JournalEvent } from "../policy/index.ts";
import { FileJournal } from "./file-journal.ts";
import { makeSessionFolder, prepareFolders, stateFolders, unwritable } from "./folder.ts";
import type { StateFolders } from "./folder.ts";
import { noHash, openHead, writeHead } from "./head.ts";
import { isSessionId, newSessionId, sessionTime } from "./identifier.ts";
import { claim, release } from "./owner.ts";

export interface Session {
  readonly id: string;
  readonly journal: Journal;
  /** Null when nothing is kept. */
  readonly folder: string | null;
}

export interface SessionOptions {
  /** From `newSessionId`, where the id had to be known before; a new one by default. */
  readonly id?: string;
  /** Keep nothing. */
  readonly ephemeral: boolean;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Of the tool. */
  readonly version: string;
  readonly environment: ReadonlyMap<string, string>;
  /** The session whose program asked for this one. */
  readonly parent?: string;
  /** The MCP server whose program it is for. */
  readonly mcpServer?: string;
}

/** A session as its folder names it. */
export interface SessionEntry {
  readonly id: string;
  readonly folder: string;
  readonly journal: string;
  /** ISO 8601, to the second. */
  readonly opened: string;
}

const kept = new WeakSet<Journal>();

/** Whether it is the journal of a session here that is on disk. */
export function isKept(journal: Journal): boolean {
  return kept.has(journal);
}

/** The same journal, with somebody who is told of each event when it was taken. */
export function observed(journal: Journal, tell: (event: JournalEvent) => void): Journal {
  const told: Journal = {
    append(event, durability) {
      journal.append(event, durability);
      tell(event);
    },
    ...(journal.syncing && { syncing: journal.syncing.bind(journal) }),
    close: () => journal.close(),
  };
  if (isKept(journal)) kept.add(told);
  return told;
}

/** Takes every event and keeps none. */
const nowhere: Journal = { append() {}, close() {} };

/**
 * Makes the session's folder and journal; the first record is `session.opened`, batched. Throws `journal_unwritable`
 * when that cannot be done: whether the run may go on without is for the policy to say.
 */
export function openSession(options: SessionOptions): Session {
  const id = options.id ?? newSessionId();
  if (!isSessionId(id)) throw new SandboxedError("internal", `${escapeText(id)} is not a session id`);
  if (options.ephemeral) return { id, journal: nowhere, folder: null };
  const folders = stateFolders(options.environment);
  prepareFolders(folders);
  const folder = join(folders.sessions, id);
  makeSessionFolder(folder);
  const journal = createJournal(folders, folder, id);
  kept.add(journal);
  const { argv, cwd, version, parent, mcpServer } = options;
  const others = { ...(parent !== undefined && { parent }), ...(mcpServer !== undefined && { mcpServer }) };
  journal.append({ kind: "session.opened", argv, cwd, version, ...others }, "batched");
  return { id, journal, folder };
}

/** Sessions on disk, oldest first. Other things in the folder are passed over. */
export function listSessions(environment: ReadonlyMap<string, string>): readonly SessionEntry[] {
  const { sessions } = stateFolders(environment);
  let names: readonly string[];
  try {
    names = readdirSync(sessions);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw unwritable(sessions, error);
  }
  return names
    .filter((name) => isSessionId(name))
    .toSorted()
    .map((id) => {
      const folder = join(sessions, id);
      return { id, folder, journal: journalPath(folder), opened: sessionTime(id) };
    });
}

/** Whether another session is open, or was left so: one directory listing. */
export function areOthersOpen(environment: ReadonlyMap<string, string>, id: string): boolean {
  try {
    return readdirSync(stateFolders(environment).active).some((name) => name !== id);
  } catch {
    return false; // nothing was ever opened there
  }
}

export function journalPath(folder: string): string {
  return join(folder, "journal.jsonl");
}

/** Never through a symlink, never over another's file. */
export function openJournalFile(path: string, fresh: boolean): number {
  const { O_WRONLY, O_APPEND, O_NOFOLLOW, O_CREAT, O_EXCL } = constants;
  return openSync(path, O_WRONLY | O_APPEND | O_NOFOLLOW | (fresh ? O_CREAT | O_EXCL : 0), 0o600);
}

/** A session that could not be opened is nobody's to recover. */
function letGo(active: string, id: string): void {
  try {
    release(active, id, 0);
  } catch {
    // what keeps the journal from being made is told
  }
}

function createJournal(folders: StateFolders, folder: string, id: string): FileJournal {
  const path = journalPath(folder);
  let head: number | null = null;
  try {
    claim(folders.active, id, 0);
    head = openHead(join(folder, "head.json"), true);
    writeHead(head, { count: 0, hash: noHash, closed: false });
    return new FileJournal({
      path,
      session: id,
      file: openJournalFile(path, true),
      head,
      length: 0,
      count: 0,
      hash: noHash,
      folders: [folder, folders.sessions],
      whenClosed: () => release(folders.active, id, 0),
    });
  } catch (error) {
    if (head !== null) closeSync(head);
    letGo(folders.active, id);
    throw unwritable(path, error);
  }
}
