import { realpathSync } from "node:fs";
import { absolutePath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, Durability, Journal, JournalEvent } from "../../../policy/index.ts";
import { monotonicMs } from "../../clock.ts";
import type { Repair, RunOutcome } from "../../outcome.ts";
import { removePlaceholders, startWatch } from "../../protection/index.ts";
import type { DoorService, StartRequest } from "../../request.ts";
import { launch } from "../launch/index.ts";
import type { Launch } from "../launch/index.ts";
import { preparePrivateHome } from "../launch/private-home.ts";
import { stopJob } from "../launch/signals.ts";
import { Supervisor } from "../launch/supervise.ts";
import type { Ending } from "../launch/supervise.ts";
import { estateText } from "./aftermath.ts";
import { bounds, boundSize } from "./bounds.ts";
import type { Entrances } from "./entrances.ts";
import { launchFiles, makeDoorFiles, makeFolders, makeTrust, removeTrust } from "./files.ts";
import { linkNotices } from "./hard-links.ts";
import type { Launchable } from "./launchable.ts";
import { letGo, openJournal, orAbort, recordLaunch } from "./launch-record.ts";
import { recordEnd, recordFailure, summarise } from "./summary.ts";

export { builtFolder } from "./files.ts";
export { backendOption, reachableBackends } from "./ladder.ts";
export { onTrial } from "./on-trial.ts";
export { prepare } from "./prepare.ts";
export type { Prepared } from "./prepare.ts";
export type { Known, Launchable } from "./launchable.ts";

/**
 * The launch does not fit the host any more: prepare it anew. Nothing of the program ran. `cause` is the refusal where
 * the host showed it by refusing; null where a recalled launch was found to be out of date.
 */
export class StaleLaunch extends Error {
  declare readonly cause: SandboxedError | null;
  /** Open already, where the launch got so far: for the next one, or to be closed. */
  readonly journal: Journal | null;

  constructor(cause: SandboxedError | null = null, journal: Journal | null = null) {
    super("the host has changed since the launch was prepared", { cause });
    this.journal = journal;
  }
}

/** A run under way, for hosts that stream. */
export interface Running {
  readonly launchable: Launchable;
  readonly launch: Launch;
  /** The network of a run that has a door, once it is served; null for every other run. */
  readonly door: () => Promise<DoorService | null>;
  /**
   * Stops the whole tree and takes the tool's terminal for a question to the person there; null where that cannot be.
   * What it settles with gives the terminal back and lets the tree go on.
   */
  readonly borrowTerminal: () => Promise<(() => void) | null>;
  /** For its journal; nothing happens when the run is over. A journal that cannot be written ends the run. */
  readonly record: (event: JournalEvent, durability: Durability) => void;
  /** Ends a run that must not go on: asked to end, killed soon after. `requirements` is the limit in its outcome. */
  readonly revoke: () => void;
  readonly outcome: Promise<RunOutcome>;
}

/**
 * Starts a program in its sandbox. The journal has the launch on disk before the program's first instruction.
 * Errors: everything `prepare` throws; `StaleLaunch`, `setup_failed`, `backend_refused`, `journal_unwritable` (nothing ran).
 */
export function start(request: StartRequest, launchable: Launchable): Running {
  const { plan, home, folders } = launchable;
  const trust = requireServed(request, plan);
  const began = monotonicMs();
  const beganAt = Date.now();
  makeFolders(folders, plan);
  if (plan.door !== null) makeDoorFiles(folders);
  if (trust !== null) makeTrust(trust.path, trust.pem);
  preparePrivateHome(plan, home);
  const supervisor = new Supervisor(request.attended ? stopJob : () => {});
  // The guard follows no symlink on the way to it.
  const quarantine = `${realpathSync.native(folders.state)}/quarantine/${request.session.id}`;
  const launched = launch({
    plan,
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
  let served: (door: Promise<DoorService> | null) => void = () => {};
  const door = new Promise<DoorService | null>((resolve) => {
    served = resolve;
  });
  // Whoever does not ask for it does not learn that it failed: the outcome says so too.
  door.catch(() => {});
  let opened: Journal | null = null;
  let isOver = false;
  const early: [JournalEvent, Durability][] = [];
  const record = (event: JournalEvent, durability: Durability): void => {
    if (isOver) return;
    try {
      if (opened === null) early.push([event, durability]);
      else opened.append(event, durability);
    } catch (error) {
      supervisor.fail(error);
    }
  };
  const outcome = complete();
  return {
    launchable,
    launch: launched,
    door: () => door,
    borrowTerminal: () => supervisor.borrowTerminal(),
    record,
    revoke: () => {
      if (!isOver) supervisor.exceed("requirements", null);
    },
    outcome,
  };

  async function complete(): Promise<RunOutcome> {
    const undo = bounds(request, launchable, supervisor);
    if (trust !== null) undo.push(() => removeTrust(trust.path));
    try {
      // Whoever started it knows of it before its journal tells anybody.
      await Promise.resolve();
      const journal = openJournal(request, launched);
      opened = journal;
      const written = recordLaunch(journal, launchable, launched);
      for (const [event, durability] of early.splice(0)) record(event, durability);
      // The kernel is busy with the sandbox meanwhile, and the disk with the journal.
      const survey = orAbort(launched, () => launchable.survey()) ?? (await staleLaunch(launched, journal));
      const repairs: Repair[] = [];
      const watch = startWatch({
        survey,
        folder: absolutePath(quarantine),
        onRepair: (finding) => repairs.push(finding),
      });
      undo.push(() => watch.close());
      launched.leave(estateText({ session: request.session.id, state: folders.state, quarantine, survey }));
      // Listeners are served after `go`, when the journal is there, until it is closed.
      const note = (event: JournalEvent): void => record(event, "batched");
      const entrances = plan.door === null ? null : await openDoorOf(request, launchable, launched, supervisor, note);
      if (entrances !== null) undo.push(entrances.close);
      served(entrances?.service ?? null);
      letGo(request, launched, written, {
        record: (event, durability) => {
          try {
            if (!isOver) journal.append(event, durability);
          } catch (error) {
            supervisor.fail(error);
            throw error;
          }
        },
        cancel: () => supervisor.end(SIGTERM),
        borrowTerminal: () => supervisor.borrowTerminal(),
      });
      watch.begin();
      undo.push(...boundSize(launchable, supervisor));
      const notices = linkNotices(launchable.denied(), survey.roots);
      await launched.ended;
      request.companion?.end();
      if (supervisor.isGuardLost) removePlaceholders(plan.placeholders);
      const ending = endingOf(supervisor, journal);
      repairs.push(
        ...ending.quarantined.map(({ path, to }): Repair => ({
          path,
          action: "quarantined",
          kept: watch.bring(absolutePath(to)),
        })),
      );
      repairs.push(...ending.rebound.map((path): Repair => ({ path, action: "rebound", kept: null })));
      // First: what is open there may have taken the descriptors that the last look needs.
      entrances?.close();
      repairs.push(...watch.sweep());
      const summary = await summarise(request, launchable, { survey, watch, entrances }, ending, repairs, {
        began,
        beganAt,
      });
      isOver = true;
      return recordEnd(journal, {
        ...summary,
        notices: [...summary.notices, ...notices, ...ending.notices, ...watch.notices],
      });
    } catch (error) {
      if (opened !== null && !(error instanceof StaleLaunch)) recordFailure(opened, error);
      throw error;
    } finally {
      isOver = true;
      served(null);
      request.companion?.end();
      undo.forEach((step) => step());
    }
  }
}

/** Errors: `StaleLaunch`, and what `Supervisor.ending` says. */
function endingOf(supervisor: Supervisor, journal: Journal): Ending {
  try {
    return supervisor.ending();
  } catch (error) {
    if (!supervisor.isOutdated || !(error instanceof SandboxedError)) throw error;
    throw outdated(error, journal);
  }
}

/** The next launch goes on with the journal. */
function outdated(cause: SandboxedError | null, journal: Journal): StaleLaunch {
  const stale = new StaleLaunch(cause, journal);
  journal.append({ kind: "run.failed", code: "stale", message: (cause ?? stale).message }, "batched");
  return stale;
}

/** What a plan with a door needs from outside. Errors: `policy_unenforceable`. */
function requireServed(
  { serveDoor, trust: pem }: StartRequest,
  { door }: Launchable["plan"],
): { readonly path: AbsolutePath; readonly pem: string } | null {
  if (door === null) return null;
  if (serveDoor === undefined || (door.trust !== null && pem === undefined)) {
    throw new SandboxedError("policy_unenforceable", "nobody serves the door that this policy needs", {
      hint: "hand in what equip() of the library returns, or use its run()",
    });
  }
  return door.trust === null || pem === undefined ? null : { path: door.trust, pem };
}

/** Errors: `StaleLaunch`, always. */
async function staleLaunch(launched: Launch, journal: Journal): Promise<never> {
  launched.abort();
  await launched.ended;
  throw outdated(null, journal);
}

/** Before the start, so that the listeners have somebody to come to. */
async function openDoorOf(
  { serveDoor }: StartRequest,
  { plan, publish, known }: Launchable,
  launched: Launch,
  supervisor: Supervisor,
  record: (event: JournalEvent) => void,
): Promise<Entrances | null> {
  if (plan.door === null || serveDoor === undefined) return null;
  try {
    const { openEntrances } = await import("./entrances.ts");
    const { resolved } = await known();
    return await openEntrances(launched, plan.door, {
      serve: serveDoor,
      policy: resolved,
      publish,
      record,
      fail: (error) => supervisor.fail(error),
    });
  } catch (error) {
    launched.abort();
    throw error;
  }
}

const SIGTERM = 15;
