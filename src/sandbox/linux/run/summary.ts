import { monotonicMs } from "../../clock.ts";
import { SandboxedError, utcText } from "../../../policy/index.ts";
import type { Journal } from "../../../policy/index.ts";
import type { Repair, RunOutcome } from "../../outcome.ts";
import { handOff } from "../../protection/index.ts";
import type { Survey, Watch } from "../../protection/index.ts";
import type { StartRequest } from "../../request.ts";
import type { Ending } from "../launch/supervise.ts";
import type { Entrances } from "./entrances.ts";
import type { Launchable } from "./launchable.ts";

/** What was looked at, before and since. */
interface Watching {
  readonly survey: Survey;
  readonly watch: Watch;
  readonly entrances: Entrances | null;
}

/** `began` in the time of `monotonicMs`, `beganAt` in milliseconds since the epoch. */
interface Clock {
  readonly began: number;
  readonly beganAt: number;
}

/** How the run ended, and what is to be told of it. */
export async function summarise(
  request: StartRequest,
  launchable: Launchable,
  { survey, watch, entrances }: Watching,
  ending: Ending,
  repairs: readonly Repair[],
  clock: Clock,
): Promise<RunOutcome> {
  const { plan, warnings } = launchable;
  // Most runs are refused nothing: what explains refusals is loaded when there is something to explain.
  const atDoor = entrances?.refusals() ?? [];
  const denials =
    ending.errors.length === 0 && atDoor.length === 0
      ? []
      : (await import("./explain.ts")).explain({
          text: ending.errors,
          atDoor,
          cwd: plan.cwd,
          known: await launchable.known(),
          session: request.session.id,
        });
  return {
    schemaVersion: 1,
    session: request.session.id,
    status: exitStatus(ending, repairs),
    exit: ending.exit,
    signal: ending.signal,
    limit: ending.limit === null ? null : { ...ending.limit, allowed: allowed(plan.limits, ending.limit.name) },
    profile: plan.profile,
    backend: plan.backend,
    timing: {
      started: utcText(clock.beganAt),
      setup: Math.max(0, ending.startedAt - clock.beganAt),
      wall: Math.round(monotonicMs() - clock.began),
    },
    denials,
    repairs,
    handOff: handOff(survey.roots, clock.beganAt, survey.scan),
    reductions: [...plan.reductions, ...watch.reductions],
    warnings,
    notices: portConflict(plan, ending),
  };
}

/** The door's listeners stand before the program can: a server of its own on their ports fails. */
function portConflict({ door }: Launchable["plan"], { errors }: Ending): readonly string[] {
  if (door === null || !/EADDRINUSE|Address already in use/i.test(errors.toString("latin1"))) return [];
  const ports = [...door.transparentPorts, ...(door.dns ? [53] : []), door.proxyPort].join(", ");
  return [`ports ${ports} lead to what the policy allows; a server of the program's own needs another one`];
}

type Limits = Launchable["plan"]["limits"];

function allowed(limits: Limits, name: NonNullable<Ending["limit"]>["name"]): number | null {
  switch (name) {
    case "wall_time":
      return limits.wallTime;
    case "memory":
      return limits.memory;
    case "processes":
      return limits.processes;
    case "home_size":
      return limits.homeSize;
    case "tampering":
    case "requirements":
      return null;
    default:
      return name satisfies never;
  }
}

const REPAIRED = 123;
const TIMED_OUT = 124;
const KILLED = 137;
const SIGNALLED = 128;

function exitStatus(ending: Ending, repairs: readonly Repair[]): number {
  if (ending.limit !== null) return ending.limit.name === "wall_time" ? TIMED_OUT : KILLED;
  if (ending.signal !== null) return SIGNALLED + ending.signal;
  const exit = ending.exit ?? KILLED;
  return exit === 0 && repairs.some(({ action }) => action !== "rebound") ? REPAIRED : exit;
}

/** The last records of a run; the journal takes no more. */
export function recordEnd(journal: Journal, outcome: RunOutcome): RunOutcome {
  for (const denial of outcome.denials) journal.append({ kind: "run.denied", denial }, "batched");
  for (const repair of outcome.repairs) journal.append({ kind: "run.repaired", ...repair }, "batched");
  const { exit, signal, status } = outcome;
  journal.append(
    {
      kind: "run.ended",
      exit,
      signal: signal === null ? null : String(signal),
      limit: outcome.limit?.name ?? null,
      status,
    },
    "batched",
  );
  journal.close();
  return outcome;
}

/** The last records of a launch that came to nothing. What failed is told by whoever throws `error`. */
export function recordFailure(journal: Journal, error: unknown): void {
  const code = error instanceof SandboxedError ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  try {
    journal.append({ kind: "run.failed", code, message }, "batched");
  } catch {
    // it was the journal itself that failed, perhaps
  }
  try {
    journal.close();
  } catch {
    // likewise
  }
}
