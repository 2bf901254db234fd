import type { ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { codeOf } from "../../src/policy/index.ts";

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
    for (const each of [...guardsOf(pid), pid]) process.kill(each, "SIGKILL");
  } catch (error) {
    if (codeOf(error) !== "ESRCH" && codeOf(error) !== "ENOENT") throw error;
  }
}

function guardsOf(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").trim().split(" "),
  );
  return children.filter((child) => child !== "" && nameOf(child) === "sandbox-guard").map(Number);
}

function nameOf(pid: string): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}
