import { closeSync, constants, fstatSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { escapeText, SandboxedError } from "../policy/index.ts";

/** Where `--report` goes. Opened before the run: a path named afterwards could have been turned elsewhere by it. */
export interface ReportFile {
  readonly write: (report: object) => void;
  readonly close: () => void;
}

/** Never through a symlink and never over a file with another name, which an earlier run may have put there. */
export function openReport(path: string, cwd: string): ReportFile {
  const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(resolve(cwd, path), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    const why = code === "ELOOP" ? "it is a symbolic link" : code;
    throw refused(path, why, error);
  }
  const stats = fstatSync(descriptor);
  if (!stats.isFile() || stats.nlink !== 1) {
    closeSync(descriptor);
    throw refused(path, stats.isFile() ? "the file has a second name" : "it is not a regular file");
  }
  return {
    write: (report) => {
      ftruncateSync(descriptor);
      writeSync(descriptor, `${JSON.stringify(report, null, 2)}\n`, 0);
    },
    close: () => closeSync(descriptor),
  };
}

function refused(path: string, why: string, cause?: unknown): SandboxedError {
  return new SandboxedError("usage", `--report ${escapeText(path)}: cannot write it (${why})`, {
    hint: "name a new file, in a directory that exists",
    cause,
  });
}
