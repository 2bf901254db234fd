import { realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { isAbsolute, resolve } from "node:path";
import { findWorkspace } from "../config/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
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

/** Errors: `usage` when `--cd` or the working directory is not there. */
export function surroundingsOf(parsed: Parsed<string>): Surroundings {
  const environment = callersEnvironment();
  const cwd = workingDirectory(lastValue(parsed, "cd"));
  const home = homeOf(environment);
  return { environment, cwd, home, workspace: findWorkspace(cwd, home) };
}

export function callersEnvironment(): ReadonlyMap<string, string> {
  const pairs = Object.entries(process.env);
  return new Map(pairs.filter((pair): pair is [string, string] => pair[1] !== undefined));
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
  if (given === "" || statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new SandboxedError("usage", `--cd ${escapeText(given)}: there is no such directory`, {
      hint: "check the path",
    });
  }
  return realpathSync(path);
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
