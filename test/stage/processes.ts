import { readdirSync, readFileSync } from "node:fs";

/** The processes that a process started, and that have not been waited for. Errors: `ENOENT` when it is gone. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
      .split(" ")
      .filter((word) => word !== "")
      .map(Number),
  );
}

/** The name of its program. Errors: the same. */
export function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}
