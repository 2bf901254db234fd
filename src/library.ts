import { bindPolicy, checkPrepared } from "./gate/index.ts";
import type { Managed } from "./gate/index.ts";
import { managedEvents, recordingManaged, reportingDoor } from "./managed-run.ts";
import { SandboxedError } from "./policy/index.ts";
import type { JournalEvent, Policy } from "./policy/index.ts";
import {
  equip as equipLaunch,
  MOST_ATTEMPTS,
  sessionAfter,
  start as startLaunch,
  untilItFits,
  withSummaries,
} from "./run.ts";
import type { ChannelRequest, Equipment } from "./run.ts";
import type { AnswerQuestion, Answerer } from "./session/index.ts";
import { prepare as prepareLaunch } from "./sandbox/index.ts";
import type { Launchable, Prepared, PrepareRequest, Running, RunOutcome, StartRequest } from "./sandbox/index.ts";

/** A run as a program asks for it; its policy is bound by the ceiling and the requirements of this machine. */
export interface LaunchRequest extends PrepareRequest<Policy> {
  /** A file of requirements besides, as `--requirements` names one. */
  readonly requirements?: string | null;
}

/** One run as a host asks for it. */
export interface RunOptions
  extends Omit<LaunchRequest, "session">, StartRequest, Partial<Omit<ChannelRequest, "answerers">> {
  /** Asked for an answer when the program, or one of its capabilities, wants one; null leaves it to others. */
  readonly onCheckpoint?: AnswerQuestion;
}

/** Launches that came through the gate, and what requirements say of them besides. */
const issued = new WeakMap<object, Managed>();

/** Of each launch, for its journal. */
const events = new WeakMap<object, readonly JournalEvent[]>();

/**
 * Decides everything and starts nothing; `start` takes the result as it is. Errors: those of `bindPolicy`, of the
 * sandbox's `prepare`, `ceiling_exceeded`, `requirements_conflict`.
 */
export async function prepare(request: LaunchRequest): Promise<Prepared> {
  const { policy, managed, warnings } = await bindPolicy(request.policy, {
    environment: request.environment,
    cwd: request.cwd,
    requirementsFile: request.requirements ?? null,
  });
  const prepared = prepareLaunch({ ...request, policy });
  const cut = checkPrepared(policy, prepared);
  const told = { warnings: [...warnings, ...cut, ...prepared.warnings] };
  const launch = issue({ ...prepared, plan: frozen(prepared.plan), ...told }, managed);
  events.set(launch, managedEvents(managed, prepared));
  return launch;
}

/**
 * Readies what a run needs of the network and of its session before it is started. Errors: as `run.ts`; `policy_invalid`
 * for a launch made up.
 */
export async function equip(
  prepared: Prepared,
  wanted: ChannelRequest | null = null,
  session = "",
): Promise<Equipment> {
  const managed = requireIssued(prepared);
  const equipment = await equipLaunch(prepared, wanted, session);
  issue(equipment.launchable, managed);
  events.set(equipment.launchable, events.get(prepared) ?? []);
  return { ...equipment, serveDoor: reportingDoor(equipment.serveDoor, managed) };
}

/** Starts the program of a launch that was prepared; the result streams. `equip` it first. */
export function start(request: StartRequest, launchable: Launchable): Running {
  requireIssued(launchable);
  const session = recordingManaged(request.session, events.get(launchable) ?? []);
  return startLaunch({ ...request, session }, launchable);
}

/** Runs the program to its end. What it handed to its session is in the outcome. */
export async function run(request: RunOptions): Promise<RunOutcome> {
  const { grants = [], onCheckpoint, tools, onSummary, maxPause, ephemeral } = request;
  const wanted: ChannelRequest = {
    grants,
    answerers: onCheckpoint === undefined ? [] : [await answerer(onCheckpoint)],
    ...(tools !== undefined && { tools }),
    ...(onSummary !== undefined && { onSummary }),
    ...(maxPause !== undefined && { maxPause }),
    ...(ephemeral !== undefined && { ephemeral }),
  };
  return untilItFits(MOST_ATTEMPTS, async (stale) => {
    const prepared = await prepare({ ...request, channel: grants.length > 0 });
    const { launchable, channel, ...equipment } = await equip(prepared, wanted, request.session.id);
    try {
      const running = start({ ...equipment, ...request, session: sessionAfter(request.session, stale) }, launchable);
      return withSummaries(await running.outcome, channel);
    } finally {
      channel?.close();
    }
  });
}

async function answerer(ask: AnswerQuestion): Promise<Answerer> {
  const { callbackAnswerer } = await import("./session/index.ts");
  return callbackAnswerer(ask);
}

function issue<T extends object>(launch: T, managed: Managed): T {
  issued.set(launch, managed);
  return Object.freeze(launch);
}

function requireIssued(launch: object): Managed {
  const managed = issued.get(launch);
  if (managed !== undefined) return managed;
  throw new SandboxedError("policy_invalid", "this launch was not prepared here, or was changed since", {
    hint: "hand in what prepare() or equip() returned, as it is",
  });
}

/** All the way down, so that what was decided is what is started. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}
