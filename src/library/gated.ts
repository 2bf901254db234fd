import { bindPolicy, checkPrepared } from "../gate/index.ts";
import { isKept } from "../audit/index.ts";
import {
  equip as equipLaunch,
  managedEvents,
  recordingManaged,
  reportingDoor,
  start as startLaunch,
} from "../run/index.ts";
import { SandboxedError } from "../policy/index.ts";
import type { Journal, JournalEvent, Policy } from "../policy/index.ts";
import { guardedDoor, holdToRequirements, isUpToDate, latestOf, LiveTerms, noting } from "../reload/index.ts";
import type { DecideAgain, FileAnswer, GuardedDoor, RequirementsChange, Terms } from "../reload/index.ts";
import type { ChannelRequest, Equipment, Spawning } from "../run/index.ts";
import { openSession } from "../audit/index.ts";
import { version } from "../generated/version.ts";
import { prepare as prepareLaunch, StaleLaunch } from "../sandbox/index.ts";
import type { Launchable, Prepared, PrepareRequest, Running, StartRequest } from "../sandbox/index.ts";

/** A run as a program asks for it; its policy is bound by the ceiling and the requirements of this machine. */
export interface LaunchRequest extends PrepareRequest<Policy> {
  /** A file of requirements besides, as `--requirements` names one. */
  readonly requirements?: string | null;
}

/** How a launch is started, and what its owner wants to hear. */
export interface LaunchStart extends StartRequest {
  /** Told when requirements change while the program runs; what they forbid is in force by then. */
  readonly onRequirements?: (change: RequirementsChange) => void;
}

/** What is known of a launch that came through the gate. */
interface Issued {
  readonly terms: Terms;
  readonly audit: "default" | "required";
  /** For its journal. */
  readonly events: readonly JournalEvent[];
  readonly request: Omit<PrepareRequest, "policy">;
  /** What it was decided from, and when. */
  readonly files: readonly FileAnswer[];
  readonly decided: number;
  readonly bind: (how: Partial<Parameters<DecideAgain>[0]>) => ReturnType<typeof bindPolicy>;
}

const issued = new WeakMap<object, Issued>();

/** What `equip` returned besides, and the terms it lives by: nobody else serves a door, or holds up a run's clock. */
const equipped = new WeakMap<object, LiveTerms>();

/**
 * Decides everything and starts nothing; `start` takes the result as it is. Errors: those of `bindPolicy`, of the
 * sandbox's `prepare`, `ceiling_exceeded`, `requirements_conflict`, `policy_test_failed`.
 */
export async function prepare(request: LaunchRequest): Promise<Prepared> {
  const files: FileAnswer[] = [];
  const decided = Date.now();
  const { policy: asked, requirements: requirementsFile = null, ...rest } = request;
  const about = { environment: new Map(request.environment), cwd: request.cwd, requirementsFile };
  const bind: Issued["bind"] = (how) => bindPolicy(asked, { ...about, ...how });
  const { policy, managed, audit, warnings, requirements } = await bind({ read: noting(files) });
  const prepared = prepareLaunch({ ...rest, policy });
  const cut = checkPrepared(policy, prepared);
  const tests = requirements.flatMap((one) => one.tests);
  if (tests.length > 0) {
    const { refuseFailed, runTests } = await import("../gate/policy-tests.ts");
    refuseFailed(runTests(tests, prepared.oracle, { cwd: request.cwd, home: prepared.home }));
  }
  const told = { warnings: [...warnings, ...cut, ...prepared.warnings] };
  const launch = { ...prepared, ...told };
  return issue(launch, {
    terms: { policy, managed, requirements },
    audit,
    events: managedEvents(managed, prepared),
    request: { ...rest, environment: about.environment },
    files: latestOf(files),
    decided,
    bind,
  });
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
  const live = new LiveTerms(known.terms);
  const equipment = await equipLaunch(prepared, wanted, session, spawningOf(known, live, wanted));
  issue(equipment.launchable, known);
  const serveDoor = reportingDoor(equipment.serveDoor, known.terms.managed);
  for (const part of [serveDoor, equipment.companion]) if (part !== undefined) equipped.set(part, live);
  return { ...equipment, serveDoor };
}

/**
 * Starts the program of a launch that was prepared; the result streams. `equip` it first. While it runs it is held to
 * its requirements. Errors: `policy_invalid` for a launch, a door or a companion of somebody else's making;
 * `StaleLaunch` where requirements have changed since it was prepared.
 */
export function start(request: LaunchStart, launchable: Launchable): Running {
  const known = requireIssued(launchable);
  const { files, decided, events, audit } = known;
  const { serveDoor, companion, onRequirements = () => {}, ...rest } = request;
  for (const part of [serveDoor, companion]) if (part !== undefined && !equipped.has(part)) throw foreign();
  if (!isUpToDate(files)) throw new StaleLaunch();
  const required = audit === "required" ? keptSession(request.session) : request.session;
  const { session, isOnDisk } = watchedSession(recordingManaged(required, events));
  const parts = { ...(serveDoor !== undefined && { serveDoor }), ...(companion !== undefined && { companion }) };
  const running = startLaunch({ ...rest, ...parts, session }, launchable);
  const door = doorOf(running, launchable);
  const live = companion === undefined ? undefined : equipped.get(companion);
  const held = holdToRequirements({
    running: { ...running, door: async () => (await door())?.forRequirements ?? null },
    files,
    decided,
    from: () =>
      Promise.resolve({
        terms: live ?? new LiveTerms(known.terms),
        request: known.request,
        decide: (how) => decideAgain(known, isOnDisk, how),
      }),
    tell: onRequirements,
  });
  const close = (): void => void held.close();
  running.outcome.then(close, close);
  return { ...running, door: async () => (await door())?.forHost ?? null };
}

/** Both views of the run's door, made when somebody asks first. */
function doorOf({ door }: Running, { known }: Launchable): () => Promise<GuardedDoor | null> {
  let made: Promise<GuardedDoor | null> | null = null;
  return () => {
    made ??= Promise.all([door(), known()]).then(([service, { resolved }]) =>
      service === null ? null : guardedDoor(service, resolved),
    );
    return made;
  };
}

async function decideAgain({ bind }: Issued, isOnDisk: () => boolean, how: Parameters<DecideAgain>[0]): Promise<Terms> {
  const { policy, managed, requirements, audit } = await bind(how);
  if (audit === "required" && !isOnDisk()) throw notKept();
  return { policy, managed, requirements };
}

/** The session, and whether its journal is one that is kept. */
function watchedSession(session: StartRequest["session"]) {
  let journal: Journal | null = null;
  const openJournal: typeof session.openJournal = () => {
    const opened = session.openJournal();
    journal = opened;
    return opened;
  };
  return { session: { ...session, openJournal }, isOnDisk: () => journal !== null && isKept(journal) };
}

/** A session whose journal is on disk when the program starts. */
function keptSession(session: StartRequest["session"]): StartRequest["session"] {
  return {
    ...session,
    openJournal: () => {
      const journal = session.openJournal();
      if (isKept(journal)) return journal;
      journal.close();
      throw notKept();
    },
  };
}

function notKept(): SandboxedError {
  return new SandboxedError("requirements_conflict", 'audit = "required": the journal of this run is not kept', {
    hint: "hand in the journal that openSession() returns, without ephemeral",
  });
}

/** The sessions of programs that the program starts are the tool's own, as are those of its command line. */
function spawningOf({ request, audit }: Issued, live: LiveTerms, wanted: ChannelRequest | null): Spawning {
  const { cwd, environment } = request;
  const ephemeral = wanted?.ephemeral === true && audit !== "required";
  return {
    request,
    live,
    openSession: (opening) => ({
      id: opening.id,
      openJournal: () => openSession({ ...opening, ephemeral, cwd, version, environment }).journal,
    }),
  };
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
