import { lstatSync, mkdirSync } from "node:fs";
import type { Stats } from "node:fs";
import { isAbsolute, join } from "node:path";
import { escapeText, SandboxedError } from "../policy/index.ts";

/** Where the tool keeps what it remembers of its sessions. */
export interface StateFolders {
  readonly state: string;
  /** One folder a session, named by its id. */
  readonly sessions: string;
  /** One file a session that has not ended: who owns it. */
  readonly active: string;
}

/** `$XDG_STATE_HOME/sandboxed`, by default `~/.local/state/sandboxed`; relative values count as unset. */
export function stateFolders(environment: ReadonlyMap<string, string>): StateFolders {
  const state = join(stateHome(environment), "sandboxed");
  return { state, sessions: join(state, "sessions"), active: join(state, "active") };
}

function stateHome(environment: ReadonlyMap<string, string>): string {
  const given = environment.get("XDG_STATE_HOME") ?? "";
  if (isAbsolute(given)) return given;
  const home = environment.get("HOME") ?? "";
  return join(isAbsolute(home) ? home : accountHome(), ".local", "state");
}

function accountHome(): string {
  return process.getBuiltinModule("node:os").userInfo().homedir;
}

/** Makes what is missing, private to the user, and refuses folders that somebody else could change. */
export function prepareFolders(folders: StateFolders): void {
  try {
    for (const folder of [folders.state, folders.sessions, folders.active]) {
      // Nearly always all is there: looking first spares three errors with their stacks.
      let found = lstatSync(folder, { throwIfNoEntry: false });
      if (found === undefined) {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        found = lstatSync(folder);
      }
      requirePrivate(folder, found);
    }
  } catch (error) {
    throw unwritable(folders.state, error);
  }
}

/** A session's own folder; it must not exist yet. */
export function makeSessionFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** The one refusal for a journal that cannot be kept. */
export function unwritable(path: string, error: unknown): SandboxedError {
  if (error instanceof SandboxedError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new SandboxedError(
    "journal_unwritable",
    `cannot write the journal in ${escapeText(path)}: ${escapeText(why)}`,
    {
      hint: "make the folder writable, or point XDG_STATE_HOME to one that is",
      cause: error,
    },
  );
}

function requirePrivate(folder: string, found: Stats): void {
  const problem = foundProblem(found.isDirectory(), found.uid, found.mode);
  if (problem === null) return;
  throw new SandboxedError("journal_unwritable", `cannot trust ${escapeText(folder)} with the journal: ${problem}`, {
    hint: "remove it or hand it to yourself (chown, chmod 700), or point XDG_STATE_HOME elsewhere",
  });
}

function foundProblem(directory: boolean, owner: number, mode: number): string | null {
  if (!directory) return "it is not a directory";
  const user = process.geteuid?.();
  if (user === undefined) return null;
  if (owner !== user) return `it belongs to user ${owner}, not to you (${user})`;
  return (mode & 0o022) === 0 ? null : "others may write in it";
}
