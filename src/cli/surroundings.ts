import { realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { isAbsolute, resolve } from "node:path";
import { findWorkspace, ownEnvironment } from "../config/index.ts";
import { codeOf, escapeText, SandboxedError } from "../policy/index.ts";
import { lastValue } from "./parse.ts";
import type { Parsed } from "./parse.ts";

/** Where a command was given, and by whom. */
export interface Surroundings {
  readonly environment: ReadonlyMap<string, string>;
  readonly cwd: string;
  readonly home: string;
  /** The directory whose `.sandboxed/config.toml` counts. */
  readonly workspace: string;
}

/** Errors: `usage` when `--cd` or the working directory is not there, `workspace_unsafe` when it cannot be one. */
export function surroundingsOf(parsed: Parsed<string>): Surroundings {
  const environment = ownEnvironment();
  const cwd = workingDirectory(lastValue(parsed, "cd"));
  if (/[\r\n]/.test(cwd)) {
    throw new SandboxedError(
      "workspace_unsafe",
      `the working directory ${escapeText(cwd)} has a line break in its name`,
      {
        hint: "no path of a policy may hold one: rename it, or start elsewhere",
      },
    );
  }
  const home = homeOf(environment);
  return { environment, cwd, home, workspace: findWorkspace(cwd, home) };
}

/** `$HOME` when it is absolute, else what the account database says. */
export function homeOf(environment: ReadonlyMap<string, string>): string {
  const home = environment.get("HOME") ?? "";
  return isAbsolute(home) ? home : userInfo().homedir;
}

function workingDirectory(given: string | null): string {
  const here = currentDirectory();
  if (given === null) return here;
  const path = resolve(here, given);
  try {
    if (given !== "" && statSync(path).isDirectory()) return realpathSync(path);
  } catch (cause) {
    const code = codeOf(cause) ?? "unknown error";
    if (code !== "ENOENT" && code !== "ENOTDIR") {
      throw new SandboxedError("workspace_unsafe", `--cd ${escapeText(given)}: it cannot be reached (${code})`, {
        hint: "name a directory that you may search",
        cause,
      });
    }
  }
  throw new SandboxedError("usage", `--cd ${escapeText(given)}: there is no such directory`, {
    hint: "check the path",
  });
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new SandboxedError("usage", "the working directory does not exist any more", {
      hint: "change to another one, or name one with --cd",
      cause: error,
    });
  }
}
