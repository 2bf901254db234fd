import { lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";

/**
 * The directory whose project file counts: the nearest one upwards from `cwd` that holds a `.git` or a `.sandboxed`,
 * else `cwd`. It grants nothing: what the project says narrows. The home directory and what is above it are not looked
 * at unless `cwd` is there. Errors: `workspace_unsafe` for a directory that may not be searched.
 */
export function findWorkspace(cwd: string, home: string): string {
  for (let at = cwd; at !== home; at = dirname(at)) {
    if (exists(join(at, ".git")) || exists(join(at, ".sandboxed"))) return at;
    if (at === dirname(at)) break;
  }
  return cwd;
}

function exists(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (cause) {
    const code = codeOf(cause) ?? "unknown error";
    // A project's file that cannot be seen might say something.
    throw new SandboxedError("workspace_unsafe", `${escapeText(dirname(path))} cannot be searched (${code})`, {
      hint: "start from a directory that you may search, or name one with --cd",
      cause,
    });
  }
}
