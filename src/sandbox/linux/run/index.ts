import { absolutePath } from "../../../policy/index.ts";
import type { Journal } from "../../../policy/index.ts";
import type { HandOff, Repair, RunOutcome } from "../../outcome.ts";
import { handOff, makePlaceholders, removePlaceholders, startWatch } from "../../protection/index.ts";
import { findRefusals, toDenial } from "../../refusals/index.ts";
import type { RunRequest } from "../../request.ts";
import { watchHomeSize } from "../launch/home-size.ts";
import { launch } from "../launch/index.ts";
import type { Launch } from "../launch/index.ts";
import { preparePrivateHome } from "../launch/private-home.ts";
import { stopJob, tieSignals } from "../launch/signals.ts";
import { Supervisor } from "../launch/supervise.ts";
import type { Ending } from "../launch/supervise.ts";
import { launchFiles, makeFolders } from "./files.ts";
import { linkNotices } from "./hard-links.ts";
import { prepare } from "./prepare.ts";
import type { Prepared } from "./prepare.ts";

export { builtFolder } from "./files.ts";
export { chooseBackend, reachableBackends } from "./ladder.ts";
export { prepare } from "./prepare.ts";
export type { Prepared } from "./prepare.ts";

/** A run under way, for hosts that stream. */
export interface Running {
  readonly prepared: Prepared;
  readonly launch: Launch;
  readonly outcome: Promise<RunOutcome>;
}

/**
 * Starts a program in its sandbox. The journal has the launch on disk before the program's first instruction.
 * Errors: everything `prepare` throws; `setup_failed`, `backend_refused`, `journal_unwritable` (nothing ran).
 */
export function start(request: RunRequest, prepared: Prepared = prepare(request)): Running {
  const { plan, facts, folders } = prepared;
  const began = performance.now();
  const beganAt = Date.now();
  makeFolders(folders);
  preparePrivateHome(plan, facts.account.home);
  const supervisor = new Supervisor(request.attended ? stopJob : () => {});
  const quarantine = `${folders.state}/quarantine/${request.session.id}`;
  const repairs: Repair[] = [];
  const watch = startWatch({
    survey: prepared.survey,
    folder: absolutePath(quarantine),
    onRepair: (finding) => repairs.push(finding),
  });
  const placeholders = makePlaceholders(prepared.survey.protection);
  const launched = launch({
    plan,
    placeholders,
    files: launchFiles(folders, facts, plan),
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
  return { prepared, launch: launched, outcome };

  async function complete(): Promise<RunOutcome> {
    const loosen = bounds(request, prepared, supervisor);
    try {
      const journal = openJournal(request, prepared, launched);
      const notices = linkNotices(prepared);
      await launched.ended;
      const ending = supervisor.ending();
      repairs.push(...ending.quarantined.map(({ path, to }): Repair => ({ path, action: "quarantined", kept: to })));
      repairs.push(...ending.rebound.map((path): Repair => ({ path, action: "rebound", kept: null })));
      repairs.push(...watch.sweep());
      const summary = summarise(request, prepared, ending, repairs, { began, beganAt });
      return record(journal, { ...summary, notices: [...notices, ...ending.notices, ...watch.notices] });
    } finally {
      loosen();
      removePlaceholders(placeholders);
      watch.close();
    }
  }
}

/** Writes the launch durably, then lets the program start; if it cannot be written, nothing starts. */
function openJournal(request: RunRequest, { plan }: Prepared, launched: Launch): Journal {
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
function bounds(request: RunRequest, { plan }: Prepared, supervisor: Supervisor): () => void {
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
  return () => undo.forEach((step) => step());
}

/** SHA-256, hex. The module costs milliseconds to load: by now the kernel is busy with the sandbox anyway. */
function fingerprint(text: string): string {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("hex");
}

interface Clock {
  readonly began: number;
  readonly beganAt: number;
}

function summarise(
  request: RunRequest,
  prepared: Prepared,
  ending: Ending,
  repairs: readonly Repair[],
  clock: Clock,
): RunOutcome {
  const { plan, facts, oracle } = prepared;
  const refusals =
    ending.errors.length === 0
      ? []
      : findRefusals({
          text: ending.errors,
          oracle,
          cwd: plan.cwd,
          home: facts.account.home,
          environment: facts.environment,
          exists: (path) => facts.look(path).kind !== "missing",
        });
  const now = new Date().toISOString();
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
    denials: refusals.map((refusal) => toDenial(refusal, { session: request.session.id, time: now })),
    repairs,
    handOff: handOffList(prepared, clock.beganAt),
    reductions: plan.reductions,
    warnings: prepared.warnings,
    notices: [],
  };
}

function handOffList(prepared: Prepared, since: number): readonly HandOff[] {
  return handOff(prepared.survey.roots, since, prepared.survey.scan);
}

type Limits = Prepared["plan"]["limits"];

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
