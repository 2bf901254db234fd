import type { ConfigFlags } from "../config/index.ts";
import { loadGated } from "../gate/index.ts";
import type { Asking, GatedConfig } from "../gate/index.ts";
import type { NetworkMode } from "../policy/index.ts";
import { allValues, lastValue } from "./parse.ts";
import type { Parsed } from "./parse.ts";
import type { PolicyOption } from "./run-options.ts";
import { surroundingsOf } from "./surroundings.ts";
import type { Surroundings } from "./surroundings.ts";

/** What was asked for, and from where. */
export interface Asked extends Surroundings {
  readonly config: GatedConfig;
}

/** Reads configuration and requirements as the options of a command have it. Errors: those of `loadGated`, `usage`. */
export async function askedFor(
  parsed: Parsed<string>,
  surroundings: Surroundings = surroundingsOf(parsed),
  how: Asking = {},
): Promise<Asked> {
  const requirementsFile = last(parsed, "requirements");
  const config = await loadGated({ ...surroundings, ...how, flags: flagsOf(parsed), requirementsFile });
  return { ...surroundings, config };
}

/** The options of a policy as given. */
export function flagsOf(parsed: Parsed<string>): ConfigFlags {
  return {
    permissions: last(parsed, "permissions"),
    read: all(parsed, "read"),
    write: all(parsed, "write"),
    deny: all(parsed, "deny"),
    network: networkMode(last(parsed, "network")),
    allow: all(parsed, "allow"),
    allowDomain: all(parsed, "allow-domain"),
    denyDomain: all(parsed, "deny-domain"),
    allowUnixSocket: all(parsed, "allow-unix-socket"),
    hostPort: all(parsed, "host-port"),
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
