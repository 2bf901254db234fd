import { filterEnvironment } from "../../../policy/index.ts";
import type { Decision, ResolvedPolicy } from "../../../policy/index.ts";
import type { HostFacts } from "../../facts.ts";
import type { DoorPlan } from "../../plan.ts";
import { searchPath } from "../toolchains/index.ts";
import { doorVariables } from "./door.ts";

export interface ProgramEnvironment {
  readonly variables: readonly (readonly [name: string, value: string])[];
  /** What the caller's environment had and the program does not get. */
  readonly dropped: readonly { readonly name: string; readonly decision: Decision }[];
}

/** The program's whole environment: the policy's choice, the toolchains' programs first in PATH, the run's own marks. */
export function programEnvironment(
  resolved: ResolvedPolicy,
  facts: HostFacts,
  session: string,
  door: DoorPlan | null = null,
): ProgramEnvironment {
  const { kept, dropped } = filterEnvironment(resolved.environment, facts.environment);
  const variables = new Map(kept);
  variables.set("PATH", programPath(kept.get("PATH"), facts).join(":"));
  variables.set("HOME", facts.account.home);
  variables.set("TMPDIR", "/tmp");
  variables.set("SANDBOXED", "1");
  variables.set("SANDBOXED_SESSION_ID", session);
  variables.set("SANDBOXED_NETWORK", resolved.networkMode);
  if (door !== null) for (const [name, value] of doorVariables(door)) variables.set(name, value);
  for (const [name, value] of resolved.environment.set) variables.set(name, value);
  return {
    variables: [...variables].toSorted(([one], [other]) => (one < other ? -1 : 1)),
    dropped: dropped.filter(({ name }) => !variables.has(name)),
  };
}

const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Where programs are looked for, shims replaced by what they stand for; relative entries are a trap and go. */
export function programPath(path: string | undefined, facts: HostFacts): readonly string[] {
  const given = (path ?? "").split(":").filter((directory) => directory.startsWith("/"));
  return searchPath((given.length === 0 ? SYSTEM_PATH : given).join(":"), facts.toolchains);
}
