import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import type { Supervisor } from "./supervise.ts";

/** Long enough for a stop to take effect. */
const STOPPING_MS = 50;
/** Asked to end: the program gets the signal and a grace time, then the tree goes. */
const ENDING = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const;
/** Passed on and left to the program. */
const PASSED = ["SIGUSR1", "SIGUSR2"] as const;

/**
 * Ties the tool's own signals to the run, for as long as it lasts: what is sent to the tool reaches the program, and
 * a stop and continue of the job reach both. Returns what unties them.
 */
export function tieSignals(supervisor: Supervisor): () => void {
  const ties: (readonly [NodeJS.Signals, () => void])[] = [
    ...ENDING.map((name) => [name, () => supervisor.end(constants.signals[name])] as const),
    ...PASSED.map((name) => [name, () => supervisor.pass(constants.signals[name])] as const),
    ["SIGCONT", () => supervisor.resume()],
  ];
  for (const [name, act] of ties) process.on(name, act);
  return () => {
    for (const [name, act] of ties) process.off(name, act);
  };
}

/**
 * The program was stopped from the terminal: the whole job stops, so that the shell that waits for it takes the
 * terminal back. The guard and bwrap ignore this signal; it is delivered to this process and its siblings in a pipeline.
 */
export function stopJob(goOn: () => void): void {
  // Without a terminal nobody is there to continue it: a program would stop whoever waits for the tool by stopping itself.
  if (!hasTerminal()) return;
  process.kill(0, "SIGTSTP");
  // Where no shell controls jobs (the only program of a terminal) the kernel stops nobody: then it goes on at once.
  setTimeout(goOn, STOPPING_MS);
}

function hasTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
