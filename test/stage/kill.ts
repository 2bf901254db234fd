import type { ChildProcess } from "node:child_process";
import { codeOf } from "../../src/policy/index.ts";
import { childrenOf, nameOf } from "./processes.ts";

/**
 * Kills a tool and what guards its sandbox at once, as a control group's end does: nobody looks at what the run left.
 * Nothing happens where it has ended.
 */
export function killWithGuard(tool: ChildProcess): void {
  const { pid, exitCode, signalCode } = tool;
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    // It would put right what is left when its guard is gone.
    process.kill(pid, "SIGSTOP");
    const guards = childrenOf(pid).filter((child) => nameOf(child) === "sandbox-guard");
    for (const each of [...guards, pid]) process.kill(each, "SIGKILL");
  } catch (error) {
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "ENOENT") throw error;
  }
}
