import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";

/** Where `--report` goes. The directory is held from before the run: its path could lead elsewhere afterwards. */
export interface ReportFile {
  /** Puts the report there, whatever the run left under the name. Returns why it is not there, in words; else null. */
  readonly write: (report: object) => string | null;
  readonly close: () => void;
}

/**
 * Never through a symlink and never over a file with another name, which an earlier run may have put there. What is
 * read under the name later is what the tool wrote: a file of its own, that takes the name in one step.
 * Errors: `usage` when no report can be written there.
 */
export function openReport(path: string, cwd: string): ReportFile {
  const place = resolve(cwd, path);
  const folder = dirname(place);
  const name = basename(place);
  const { O_RDONLY, O_DIRECTORY, W_OK, X_OK } = constants;
  let descriptor: number | null = null;
  try {
    if (name === "" || path.endsWith("/")) throw refused(path, "it is not a regular file");
    descriptor = openSync(folder, O_RDONLY | O_DIRECTORY);
    const held = `/proc/self/fd/${descriptor}`;
    accessSync(held, W_OK | X_OK);
    const mode = modeOf(path, `${held}/${name}`);
    const holder = descriptor;
    return {
      write: (report) => {
        try {
          replace(held, name, mode, `${JSON.stringify(report, null, 2)}\n`);
        } catch (error) {
          return `--report ${escapeText(path)} was not written: ${why(error)}`;
        }
        if (isStill(folder, holder)) return null;
        return `--report ${escapeText(path)}: its directory was moved or replaced during the run; what is found there now is not the report`;
      },
      close: () => closeSync(holder),
    };
  } catch (error) {
    if (descriptor !== null) closeSync(descriptor);
    if (error instanceof SandboxedError) throw error;
    throw refused(path, why(error), error);
  }
}

/** Of the file that is there, to be kept; a new one is the user's alone. */
function modeOf(path: string, held: string): number {
  const stats = lstatSync(held, { throwIfNoEntry: false });
  if (stats === undefined) return 0o600;
  if (stats.isSymbolicLink()) throw refused(path, "it is a symbolic link");
  if (!stats.isFile()) throw refused(path, "it is not a regular file");
  if (stats.nlink !== 1) throw refused(path, "the file has a second name");
  return stats.mode & 0o777;
}

/** By a rename: nothing is followed, and a file that was opened under the name before is not the one read later. */
function replace(held: string, name: string, mode: number, text: string): void {
  const draft = `${held}/.sandboxed-report-${process.pid}-${Math.random().toString(36).slice(2)}`;
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const descriptor = openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeFileSync(descriptor, text);
    if (mode !== 0o600) fchmodSync(descriptor, mode);
    renameSync(draft, `${held}/${name}`);
  } catch (error) {
    unlinkSync(draft);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

function isStill(folder: string, descriptor: number): boolean {
  const now = statSync(folder, { bigint: true, throwIfNoEntry: false });
  const held = fstatSync(descriptor, { bigint: true });
  return now?.dev === held.dev && now.ino === held.ino;
}

function why(error: unknown): string {
  const code = codeOf(error) ?? "unknown error";
  return code === "EISDIR" || code === "ENOTEMPTY" ? "a directory has its name" : code;
}

function refused(path: string, reason: string, cause?: unknown): SandboxedError {
  return new SandboxedError("usage", `--report ${escapeText(path)}: cannot write it (${reason})`, {
    hint: "name a new file, in a directory that exists",
    cause,
  });
}
