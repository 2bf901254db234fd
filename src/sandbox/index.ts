/** How an operating system enforces a policy: facts, then a plan, then a launch. */
import { SandboxedError } from "../policy/index.ts";
import type { RunOutcome } from "./outcome.ts";
import * as linux from "./linux/run/index.ts";
import type { RunRequest } from "./request.ts";

export type { HostFacts } from "./facts.ts";
export { toolFolders } from "./folders.ts";
export type { ToolFolders } from "./folders.ts";
export type { HandOff, Repair, RunOutcome } from "./outcome.ts";
export type { Backend, LaunchPlan, Reduction } from "./plan.ts";
export { printRefusal } from "./refusals/index.ts";
export type { RunRequest, RunSession, Stream } from "./request.ts";
export type { Prepared, Running } from "./linux/run/index.ts";

/** Decides everything and starts nothing; `start` and `run` take the result. Errors: see `linux/run/prepare`. */
export function prepare(request: RunRequest): linux.Prepared {
  return backendOfThisSystem().prepare(request);
}

/** Starts the program; the result streams. */
export function start(request: RunRequest, prepared?: linux.Prepared): linux.Running {
  return backendOfThisSystem().start(request, prepared);
}

/** Runs the program to its end. */
export async function run(request: RunRequest): Promise<RunOutcome> {
  return start(request).outcome;
}

function backendOfThisSystem(): typeof linux {
  if (process.platform === "linux") return linux;
  throw new SandboxedError("not_supported", `sandboxes on ${process.platform} are not supported yet`, {
    hint: "Linux on x86-64 and arm64 is",
  });
}
