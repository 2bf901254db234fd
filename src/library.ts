import { bindPolicy, checkPrepared } from "./gate/index.ts";
import type { Managed } from "./gate/index.ts";
import { isKept } from "./audit/index.ts";
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
import { openSession } from "./audit/index.ts";
import { version } from "./generated/version.ts";
import type { Spawning } from "./spawned-run.ts";
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

/** What is known of a launch that came through the gate. */
interface Issued {
  readonly managed: Managed;
  readonly audit: "default" | "required";
  /** For its journal. */
  readonly events: readonly JournalEvent[];
  /** What programs are started from that it has besides. */
  readonly request: Spawning["request"];
}

const issued = new WeakMap<object, Issued>();

/** What `equip` returned besides: nobody else serves a door, or holds up a run's clock. */
const equipped = new WeakSet<object>();

/**
 * Decides everything and starts nothing; `start` takes the result as it is. Errors: those of `bindPolicy`, of the
 * sandbox's `prepare`, `ceiling_exceeded`, `requirements_conflict`.
 */
export async function prepare(request: LaunchRequest): Promise<Prepared> {
  const { policy, managed, audit, warnings } = await bindPolicy(request.policy, {
    environment: request.environment,
    cwd: request.cwd,
    requirementsFile: request.requirements ?? null,
  });
  const prepared = prepareLaunch({ ...request, policy });
  const cut = checkPrepared(policy, prepared);
  const told = { warnings: [...warnings, ...cut, ...prepared.warnings] };
  const { cwd, environment, workspaceRoots, workspace, backend } = request;
  const spawned = { policy, cwd, environment: new Map(environment), workspaceRoots, workspace, backend };
  const launch = { ...prepared, ...told };
  return issue(launch, { managed, audit, events: managedEvents(managed, prepared), request: spawned });
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
  const known = requireIssued(prepared);
  const equipment = await equipLaunch(prepared, wanted, session, spawningOf(known, wanted));
  issue(equipment.launchable, known);
  const serveDoor = reportingDoor(equipment.serveDoor, known.managed);
  for (const part of [serveDoor, equipment.companion]) if (part !== undefined) equipped.add(part);
  return { ...equipment, serveDoor };
}

/**
 * Starts the program of a launch that was prepared; the result streams. `equip` it first. Errors: `policy_invalid` for
 * a launch, a door or a companion of somebody else's making.
 */
export function start(request: StartRequest, launchable: Launchable): Running {
  const { audit, events } = requireIssued(launchable);
  const { serveDoor, companion } = request;
  for (const part of [serveDoor, companion]) if (part !== undefined && !equipped.has(part)) throw foreign();
  const session = recordingManaged(audit === "required" ? keptSession(request.session) : request.session, events);
  return startLaunch({ ...request, session }, launchable);
}

/** A session whose journal is on disk when the program starts. */
function keptSession(session: StartRequest["session"]): StartRequest["session"] {
  return {
    ...session,
    openJournal: () => {
      const journal = session.openJournal();
      if (isKept(journal)) return journal;
      journal.close();
      throw new SandboxedError("requirements_conflict", 'audit = "required": the journal of this run is not kept', {
        hint: "hand in the journal that openSession() returns, without ephemeral",
      });
    },
  };
}

/** Runs the program to its end. What it handed to its session is in the outcome. */
export async function run(request: RunOptions): Promise<RunOutcome> {
  const { grants = [], onCheckpoint, tools, onClose, onSummary, maxPause, ephemeral } = request;
  const wanted: ChannelRequest = {
    grants,
    answerers: onCheckpoint === undefined ? [] : [await answerer(onCheckpoint)],
    ...(tools !== undefined && { tools }),
    ...(onClose !== undefined && { onClose }),
    ...(onSummary !== undefined && { onSummary }),
    ...(maxPause !== undefined && { maxPause }),
    ...(ephemeral !== undefined && { ephemeral }),
  };
  return untilItFits(MOST_ATTEMPTS, async (stale) => {
    const prepared = await prepare({ ...request, channel: grants.length > 0 });
    const { launchable, channel, ...equipment } = await equip(prepared, wanted, request.session.id);
    try {
      const running = start({ ...equipment, ...request, session: sessionAfter(request.session, stale) }, launchable);
      return await withSummaries(await running.outcome, channel);
    } finally {
      channel?.close();
    }
  });
}

/** The sessions of programs that the program starts are the tool's own, as are those of its command line. */
function spawningOf({ request, managed, audit }: Issued, wanted: ChannelRequest | null): Spawning {
  const { cwd, environment } = request;
  const ephemeral = wanted?.ephemeral === true && audit !== "required";
  return {
    request,
    managed,
    openSession: (opening) => ({
      id: opening.id,
      openJournal: () => openSession({ ...opening, ephemeral, cwd, version, environment }).journal,
    }),
  };
}

async function answerer(ask: AnswerQuestion): Promise<Answerer> {
  const { callbackAnswerer } = await import("./session/index.ts");
  return callbackAnswerer(ask);
}

function issue<T extends object>(launch: T, known: Issued): T {
  issued.set(launch, known);
  return frozen(launch);
}

function requireIssued(launch: object): Issued {
  const known = issued.get(launch);
  if (known !== undefined) return known;
  throw new SandboxedError("policy_invalid", "this launch was not prepared here, or was changed since", {
    hint: "hand in what prepare() or equip() returned, as it is",
  });
}

function foreign(): SandboxedError {
  return new SandboxedError("policy_invalid", "this door or companion was not made here", {
    hint: "hand in the serveDoor and companion that equip() returned, or none",
  });
}

/** All the way down, so that what was decided is what is started, served at the door and asked when a program starts another. */
function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}
