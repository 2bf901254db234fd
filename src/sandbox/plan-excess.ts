import { isWithin } from "../policy/index.ts";
import type { AbsolutePath } from "../policy/index.ts";
import type { LaunchPlan } from "./plan.ts";

/**
 * What a sandbox built by `built` has that one by `allowed` would not have, of what cannot be taken from it while it
 * runs: files, variables, limits, the host's own network. Null for nothing. Both are of the same program on the same
 * machine; what a door leads to is not compared.
 */
export function planExcess(built: LaunchPlan, allowed: LaunchPlan): string | null {
  if (built.backend !== allowed.backend) return `it is held by ${built.backend}, not by ${allowed.backend}`;
  if (built.network === "full" && allowed.network !== "full") return "it has the host's network";
  if (allowed.landlock && !built.landlock) return "it has no second wall";
  const paths = [...built.mounts, ...allowed.mounts].map(({ to }) => to);
  const seen = paths.find((path) => accessAt(built, path) > accessAt(allowed, path));
  if (seen !== undefined) return seen;
  for (const list of ["readable", "writable"] as const) {
    const open = built[list].find((path) => !allowed[list].some((root) => isWithin(path, root)));
    if (open !== undefined) return open;
  }
  const names = new Set(allowed.environment.map(([name]) => name));
  const variable = built.environment.find(([name]) => !names.has(name));
  if (variable !== undefined) return `variable ${variable[0]}`;
  return limitExcess(built.limits, allowed.limits);
}

/** 2: the host's, to be written. 1: to be read. 0: nothing of the host's. */
function accessAt({ mounts }: LaunchPlan, path: AbsolutePath): 0 | 1 | 2 {
  // A later step covers an earlier one.
  const step = mounts.findLast(({ do: what, to }) => covering.has(what) && isWithin(path, to));
  // A private place is bound from elsewhere.
  if (step?.do !== "bind" || step.from !== step.to) return 0;
  return step.access === "write" ? 2 : 1;
}

const covering: ReadonlySet<string> = new Set(["bind", "tmpfs", "mask", "proc", "outer-proc", "dev"]);

function limitExcess(built: LaunchPlan["limits"], allowed: LaunchPlan["limits"]): string | null {
  const rows = [
    ["wall_time", built.wallTime, allowed.wallTime],
    ["max_pause", built.maxPause, allowed.maxPause],
    ["memory", built.memory, allowed.memory],
    ["data", built.data, allowed.data],
    ["processes", built.processes, allowed.processes],
    ["open_files", built.openFiles, allowed.openFiles],
    ["tmp_size", built.tmpSize, allowed.tmpSize],
    ["home_size", built.homeSize, allowed.homeSize],
    ["shm_size", built.shmSize, allowed.shmSize],
  ] as const;
  const more = rows.find(([, mine, most]) => (mine ?? Infinity) > (most ?? Infinity));
  return more === undefined ? null : `limit ${more[0]}`;
}
