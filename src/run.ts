import type { ServeDoor, StartRequest } from "./sandbox/index.ts";
import { prepare, start as startSandbox } from "./sandbox/index.ts";
import type { Launchable, Running, RunOutcome, RunRequest } from "./sandbox/index.ts";

/** Starts the program of a launch that was prepared or recalled, and serves its door if it has one; the result streams. */
export function start(request: StartRequest, launchable: Launchable): Running {
  return startSandbox({ serveDoor, ...request }, launchable);
}

/** Runs the program to its end. */
export async function run(request: RunRequest): Promise<RunOutcome> {
  return start(request, prepare(request)).outcome;
}

/** What serves a door is loaded when there is one. Its upstream proxies come from this process's environment. */
const serveDoor: ServeDoor = async (entrances, policy, watcher) => {
  const { serveEntrances } = await import("./network/index.ts");
  const environment = new Map(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return serveEntrances(entrances, { policy, environment, ...watcher });
};
