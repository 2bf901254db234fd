import { userInfo } from "node:os";
import { isAbsolute } from "node:path";
import { absolutePath } from "../policy/index.ts";
import type { AbsolutePath } from "../policy/index.ts";

/** The tool's own folders on this host; every profile but full access denies them. */
export interface ToolFolders {
  readonly state: AbsolutePath;
  readonly cache: AbsolutePath;
  readonly config: AbsolutePath;
}

/** Where they are for an account of which no variable says otherwise. */
export function usualFolders(home: AbsolutePath): ToolFolders {
  return toolFolders(new Map([["HOME", home]]));
}

/** By the XDG rules: relative values count as unset. `SANDBOXED_HOME` moves the configuration. */
export function toolFolders(environment: ReadonlyMap<string, string>): ToolFolders {
  const told = environment.get("HOME") ?? "";
  const home = isAbsolute(told) ? told : userInfo().homedir;
  const base = (name: string, fallback: string): AbsolutePath => {
    const given = environment.get(name) ?? "";
    return absolutePath(isAbsolute(given) ? given : `${home}/${fallback}`);
  };
  const moved = environment.get("SANDBOXED_HOME") ?? "";
  return {
    state: absolutePath(`${base("XDG_STATE_HOME", ".local/state")}/sandboxed`),
    cache: absolutePath(`${base("XDG_CACHE_HOME", ".cache")}/sandboxed`),
    config: isAbsolute(moved) ? absolutePath(moved) : absolutePath(`${base("XDG_CONFIG_HOME", ".config")}/sandboxed`),
  };
}
