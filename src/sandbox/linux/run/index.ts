import { absolutePath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, Journal } from "../../../policy/index.ts";
import type { Repair, RunOutcome } from "../../outcome.ts";
import { handOff, makePlaceholders, removePlaceholders, startWatch } from "../../protection/index.ts";
import type { Survey, Watch } from "../../protection/index.ts";
import type { StartRequest } from "../../request.ts";
import { watchHomeSize } from "../launch/home-size.ts";
import { launch } from "../launch/index.ts";
import type { Launch } from "../launch/index.ts";
import { preparePrivateHome } from "../launch/private-home.ts";
import { stopJob, tieSignals } from "../launch/signals.ts";
import { Supervisor } from "../launch/supervise.ts";
import type { Ending } from "../launch/supervise.ts";
import type { Entrances } from "./entrances.ts";
import { launchFiles, makeDoorFiles, makeFolders } from "./files.ts";
import { linkNotices } from "./hard-links.ts";
import type { Launchable } from "./launchable.ts";

export { builtFolder } from "./files.ts";
export { chooseBackend, reachableBackends } from "./ladder.ts";
export { prepare } from "./prepare.ts";
export type { Prepared } from "./prepare.ts";
export type { Known, Launchable } from "./launchable.ts";

/** A recalled launch does not fit the host any more: prepare it anew. Nothing of the program ran. */
export class StaleLaunch extends Error {}

/** A run under way, for hosts that stream. */
export interface Running {
  readonly launchable: Launchable;
  readonly launch: Launch;
  readonly outcome: Promise<RunOutcome>;
}

/**
 * Starts a program in its sandbox. The journal has the launch on disk before the program's first instruction.
 * Errors: everything `prepare` throws; `setup_failed`, `backend_refused`, `journal_unwritable` (nothing ran).
 */
export function start(request: StartRequest, launchable: Launchable): Running {
  const { plan, home, folders } = launchable;
  if (plan.door !== null && request.serveDoor === undefined) {
    throw new SandboxedError("policy_unenforceable", "nobody serves the door that this policy needs", {
      hint: "hand in serveDoor, or use run() of the library",
    });
  }
  const began = performance.now();
  const beganAt = Date.now();
  makeFolders(folders);
  if (plan.door !== null) makeDoorFiles(folders);
  preparePrivateHome(plan, home);
  const supervisor = new Supervisor(request.attended ? stopJob : () => {});
  const quarantine = `${folders.state}/quarantine/${request.session.id}`;
  const placeholders = plan.placeholders.length === 0 ? [] : placeholdersOf(launchable);
  const launched = launch({
    plan,
    placeholders,
    files: launchFiles(launchable),
    streams: request.streams,
    listenToErrors: request.explain,
    quarantine: plan.missing.map((path, index) => ({
      path,
      to: `${quarantine}/${index}-${path.slice(path.lastIndexOf("/") + 1)}`,
    })),
    onInit: supervisor.onInit,
    onGuard: supervisor.onGuard,
  });
  supervisor.attach(launched);
  const outcome = complete();
  return { launchable, launch: launched, outcome };

  async function complete(): Promise<RunOutcome> {
    const undo = [...bounds(request, launchable, supervisor), () => removePlaceholders(placeholders)];
    try {
      // The kernel is busy with the sandbox meanwhile.
      const survey = await confirmed(launchable, launched);
      const repairs: Repair[] = [];
      const watch = startWatch({
        survey,
        folder: absolutePath(quarantine),
        onRepair: (finding) => repairs.push(finding),
      });
      undo.push(() => watch.close());
      const entrances = await openDoorOf(request, launchable, launched, supervisor);
      if (entrances !== null) undo.push(entrances.close);
      const journal = openJournal(request, launchable, launched);
      const notices = linkNotices(launchable.denied(), survey.roots);
      await launched.ended;
      const ending = supervisor.ending();
      repairs.push(...ending.quarantined.map(({ path, to }): Repair => ({ path, action: "quarantined", kept: to })));
      repairs.push(...ending.rebound.map((path): Repair => ({ path, action: "rebound", kept: null })));
      repairs.push(...watch.sweep());
      const summary = await summarise(request, launchable, { survey, watch, entrances }, ending, repairs, {
        began,
        beganAt,
      });
      return record(journal, { ...summary, notices: [...notices, ...ending.notices, ...watch.notices] });
    } finally {
      undo.forEach((step) => step());
    }
  }
}

/** A recalled launch has none: it must not make anything before it is confirmed. */
function placeholdersOf({ survey }: Launchable): readonly AbsolutePath[] {
  const found = survey();
  return found === null ? [] : makePlaceholders(found.protection);
}

/** What the program must not change. Errors: `StaleLaunch`, and nothing of the program ran. */
async function confirmed(launchable: Launchable, launched: Launch): Promise<Survey> {
  try {
    const survey = launchable.survey();
    if (survey !== null) return survey;
  } catch (error) {
    launched.abort();
    throw error;
  }
  launched.abort();
  await launched.ended;
  throw new StaleLaunch();
}

/** Before the start, so that the listeners have somebody to come to. */
async function openDoorOf(
  { serveDoor }: StartRequest,
  { plan, publish, known }: Launchable,
  launched: Launch,
  supervisor: Supervisor,
): Promise<Entrances | null> {
  if (plan.door === null || serveDoor === undefined) return null;
  try {
    const { openEntrances } = await import("./entrances.ts");
    const { resolved } = await known();
    return await openEntrances(launched, plan.door, {
      serve: serveDoor,
      policy: resolved,
      publish,
      fail: (error) => supervisor.fail(error),
    });
  } catch (error) {
    launched.abort();
    throw error;
  }
}

/** Writes the launch durably, then lets the program start; if it cannot be written, nothing starts. */
function openJournal(request: StartRequest, { plan }: Launchable, launched: Launch): Journal {
  try {
    const journal = request.session.openJournal();
    journal.append(
      {
        kind: "run.launching",
        profile: plan.profile,
        backend: plan.backend,
        plan: fingerprint(JSON.stringify(plan)),
        program: plan.program,
        argv: plan.argv,
        reduced: plan.reductions.map(({ rule, holds }) => `${rule}: ${holds}`),
      },
      "durable",
    );
    launched.go();
    return journal;
  } catch (error) {
    launched.abort();
    throw error;
  }
}

/** Time, size and outside ends of a run. Returns what takes them away again. */
function bounds(request: StartRequest, { plan }: Launchable, supervisor: Supervisor): (() => void)[] {
  const undo: (() => void)[] = [];
  if (request.attended) undo.push(tieSignals(supervisor));
  if (request.cancel !== undefined) {
    const { cancel } = request;
    const end = (): void => supervisor.end(15);
    cancel.addEventListener("abort", end, { once: true });
    undo.push(() => cancel.removeEventListener("abort", end));
  }
  const { wallTime, homeSize } = plan.limits;
  if (wallTime !== null) {
    const timer = setTimeout(() => supervisor.exceed("wall_time", wallTime), wallTime);
    undo.push(() => clearTimeout(timer));
  }
  if (plan.privateHome !== null) {
    undo.push(watchHomeSize(plan.privateHome.folder, homeSize, (used) => supervisor.exceed("home_size", used)));
  }
  return undo;
}

/** SHA-256, hex. The module costs milliseconds to load: by now the kernel is busy with the sandbox anyway. */
function fingerprint(text: string): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("hex");
}

/** What was looked at, before and since. */
interface Watching {
  readonly survey: Survey;
  readonly watch: Watch;
  readonly entrances: Entrances | null;
}

interface Clock {
  readonly began: number;
  readonly beganAt: number;
}

async function summarise(
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
      started: new Date(clock.beganAt).toISOString(),
      setup: Math.max(0, ending.startedAt - clock.beganAt),
      wall: Math.round(performance.now() - clock.began),
    },
    denials,
    repairs,
    handOff: handOff(survey.roots, clock.beganAt, survey.scan),
    reductions: [...plan.reductions, ...watch.reductions],
    warnings,
    notices: [],
  };
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

function record(journal: Journal, outcome: RunOutcome): RunOutcome {
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
