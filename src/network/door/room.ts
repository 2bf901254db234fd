import { readFileSync } from "node:fs";

const most = 4096;
const least = 4;
/** Where the system does not say how many there are. */
const usual = 1024;

/**
 * How many connections a door may have open in this process. Each can take three descriptors: its own, one to a server,
 * and one for a request that came before the last was answered. The rest is for the tool, which has to open files to the
 * end: who uses up the door uses up nothing else.
 */
export function roomForConnections(descriptors: number = descriptorsOfThisProcess()): number {
  return Math.max(least, Math.min(most, Math.floor(descriptors / 4)));
}

/** Of the connections that nobody is waiting for: kept ones to servers, last words to clients, each kind by itself. */
export function roomForIdle(connections: number): number {
  return Math.max(least, connections >> 3);
}

/** The limit that is in force, which node has raised as far as it may. */
function descriptorsOfThisProcess(): number {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    return limit === undefined ? most * 4 : Number(limit);
  } catch {
    return usual;
  }
}
