import type { Readable, Writable } from "node:stream";
import type { Running } from "../sandbox/index.ts";

/** What a program that is started with pipes writes, and what it reads where that is a pipe, too. */
export interface ProgramStreams {
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** A program without a sandbox is started a little later. Null where it ended before. Errors: those of the start. */
export async function streamsOf(running: Running): Promise<ProgramStreams | null> {
  let over = false;
  running.outcome.then(
    () => (over = true),
    () => (over = true),
  );
  for (;;) {
    const { stdin = null, stdout = null, stderr = null } = running.launch.streams ?? {};
    if (stdout !== null && stderr !== null) return { stdin, stdout, stderr };
    if (over) {
      // oxlint-disable-next-line no-await-in-loop -- it has settled
      await running.outcome;
      return null;
    }
    // oxlint-disable-next-line no-await-in-loop -- until it is there
    await new Promise((resolve) => setImmediate(resolve));
  }
}
