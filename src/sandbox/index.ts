/** How an operating system enforces a policy: facts, then a plan, then a launch. */
import { requireBackend, requireBound, requireMode, SandboxedError } from "../policy/index.ts";
import type { Disk } from "./linux/facts/index.ts";
import { prepare as prepareOnLinux, start as startOnLinux } from "./linux/run/index.ts";
import type { Launchable, Prepared, Running } from "./linux/run/index.ts";
export { StaleLaunch } from "./linux/run/index.ts";
import type { PrepareRequest, StartRequest } from "./request.ts";

export type { HostFacts } from "./facts.ts";
export { keep, notingDisk, recall, shownPlaces } from "./linux/recall/index.ts";
export type { KeptLaunch } from "./linux/recall/index.ts";
export { keepOwnFile, readOwnFile } from "./own-file.ts";
export { toolFolders } from "./folders.ts";
export type { ToolFolders } from "./folders.ts";
export type { HandOff, Repair, RunOutcome } from "./outcome.ts";
export type { Backend, LaunchPlan, Reduction } from "./plan.ts";
export { planExcess } from "./plan-excess.ts";
export { printRefusal } from "./refusals/index.ts";
export type {
  Companion,
  CompanionRun,
  DoorService,
  DoorWatcher,
  PrepareRequest,
  Publication,
  RunRequest,
  ServeDoor,
  RunSession,
  StartRequest,
  Stream,
} from "./request.ts";
export { settleEstate } from "./linux/run/aftermath.ts";
export { onTrial } from "./linux/run/index.ts";
export type { Launchable, Prepared, Running } from "./linux/run/index.ts";

/** Decides everything and starts nothing; `start` and `run` take the result. Errors: see `linux/run/prepare`. */
export function prepare(request: PrepareRequest, disk?: Disk): Prepared {
  requireSupported();
  requireBound(request.policy);
  const prepared = prepareOnLinux(request, disk);
  requireBackend(request.policy, prepared.plan.backend);
  requireMode(request.policy, prepared.oracle, prepared.resolved.places);
  return prepared;
}

/** Starts the program of a launch that was prepared or recalled; the result streams. */
export function start(request: StartRequest, launchable: Launchable): Running {
  requireSupported();
  return startOnLinux(request, launchable);
}

/** The other systems get their branches here, function by function, so that a start loads nothing of deciding. */
function requireSupported(): void {
  if (process.platform === "linux") return;
  throw new SandboxedError("not_supported", `sandboxes on ${process.platform} are not supported yet`, {
    hint: "Linux on x86-64 and arm64 is",
  });
}
