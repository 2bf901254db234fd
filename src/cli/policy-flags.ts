import { realpathSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { isAbsolute, resolve } from "node:path";
import { findWorkspace, loadConfig } from "../config/index.ts";
import type { Config, ConfigFlags } from "../config/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { NetworkMode } from "../policy/index.ts";
import { allValues, lastValue } from "./parse.ts";
import type { Parsed } from "./parse.ts";
import type { PolicyOption } from "./run-options.ts";

/** What was asked for, and from where. */
export interface Asked {
  readonly config: Config;
  readonly cwd: string;
  readonly environment: ReadonlyMap<string, string>;
}

/** Reads the configuration as the options of a command have it. Errors: those of `loadConfig`, `usage`. */
export async function askedFor(parsed: Parsed<string>): Promise<Asked> {
  const environment = callersEnvironment();
  const cwd = workingDirectory(last(parsed, "cd"));
  const home = homeOf(environment);
  const workspace = findWorkspace(cwd, home);
  const config = await loadConfig({ environment, home, cwd, workspace, flags: flagsOf(parsed) });
  return { config, cwd, environment };
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

export function flagsOf(parsed: Parsed<string>): ConfigFlags {
  return {
    permissions: last(parsed, "permissions"),
    read: all(parsed, "read"),
    write: all(parsed, "write"),
    deny: all(parsed, "deny"),
    network: networkMode(last(parsed, "network")),
    environment: all(parsed, "env"),
    timeout: last(parsed, "timeout"),
    memory: last(parsed, "memory"),
    processes: last(parsed, "processes"),
    file: last(parsed, "config"),
    overrides: all(parsed, "override"),
    features: parsed.given.flatMap(({ id, value }) =>
      id === "enable" || id === "disable" ? [{ name: value, on: id === "enable" }] : [],
    ),
  };
}

/** Of the options that every table of a policy has. */
function last(parsed: Parsed<string>, id: PolicyOption): string | null {
  return lastValue(parsed, id);
}

function all(parsed: Parsed<string>, id: PolicyOption): readonly string[] {
  return allValues(parsed, id);
}

/** The table allows these values alone. */
function networkMode(value: string | null): NetworkMode | null {
  return value === "off" || value === "restricted" || value === "full" ? value : null;
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
