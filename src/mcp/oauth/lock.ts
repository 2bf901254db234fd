import { closeSync, openSync, readFileSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, SandboxedError } from "../../policy/index.ts";

const PATIENCE_MS = 40_000;
const PAUSE_MS = 25;

/** Runs `act` while no other process of this user runs one under the same file. Errors: `mcp_auth` when none lets go. */
export async function underLock<T>(file: string, act: () => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE_MS;
  while (!taken(file)) {
    dropDead(file);
    if (performance.now() > end) {
      throw new SandboxedError("mcp_auth", "another process has been renewing this login for too long", {
        hint: `if none is running, remove ${file}`,
      });
    }
    // oxlint-disable-next-line no-await-in-loop -- waiting is what it is for
    await sleep(PAUSE_MS);
  }
  try {
    return await act();
  } finally {
    unlinkSync(file);
  }
}

function taken(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, "wx", 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    writeSync(descriptor, String(process.pid));
  } finally {
    closeSync(descriptor);
  }
  return true;
}

/** A holder that was killed never lets go. Only one of those who see that moves the file away. */
function dropDead(file: string): void {
  try {
    const holder = Number(readFileSync(file, "utf8"));
    if (!Number.isInteger(holder) || holder <= 0 || isAlive(holder)) return;
    const aside = `${file}.${process.pid}`;
    renameSync(file, aside);
    unlinkSync(aside);
  } catch {
    // it has been let go meanwhile
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}
