import type { Readable, Writable } from "node:stream";
import type { Managed } from "../../gate/index.ts";
import {
  equip,
  managedEvents,
  MOST_ATTEMPTS,
  recordingManaged,
  reportingDoor,
  sessionAfter,
  start,
  streamsOf,
} from "../../run/index.ts";
import { SandboxedError } from "../../policy/index.ts";
import { prepare, StaleLaunch } from "../../sandbox/index.ts";
import type { Prepared, PrepareRequest, Running, RunSession } from "../../sandbox/index.ts";
import { readLines, writeLine } from "./lines.ts";

export interface ProcessHandlers {
  /** As `readLines` has it. */
  readonly line: (text: string) => void | Promise<void>;
  /** Once, when the program has gone or never came. */
  readonly end: (error: Error | null) => void;
}

/** A server's program in its sandbox, and lines to and from it. */
export interface ServerProcess {
  /** Errors: those of `prepare` and `start`. */
  start(handlers: ProcessHandlers): Promise<void>;
  send(text: string): Promise<void>;
  /** Closes its input, waits `grace` milliseconds, asks it to end, then ends it. */
  close(): Promise<void>;
  /** The end of what it wrote to standard error. */
  lastWords(): string;
}

export interface ProcessOptions {
  readonly request: Omit<PrepareRequest, "session">;
  readonly session: RunSession;
  /** What requirements say besides its policy. */
  readonly managed: Managed;
  /** Called when the launch is decided; an error refuses it. */
  readonly confirm?: (prepared: Prepared) => void;
  /** Called with the program once it runs; while it waits, nothing is sent. An error ends it. */
  readonly hold?: (running: Running) => Promise<void>;
  readonly grace?: number;
}

/** So much of standard error is kept. */
const LAST_WORDS = 4096;
const GRACE_MS = 1000;

export function serverProcess({
  request,
  session,
  managed,
  confirm,
  hold,
  grace = GRACE_MS,
}: ProcessOptions): ServerProcess {
  const cancel = new AbortController();
  let running: Running | null = null;
  let input: Writable | null = null;
  let words = "";
  /** What was sent before the first answer: a launch that has to be made anew gets it again. */
  let early: string[] | null = [];

  async function launch(handlers: ProcessHandlers, attempt: number, stale: StaleLaunch | null): Promise<void> {
    const prepared = prepare({ ...request, session });
    confirm?.(prepared);
    const { launchable, ...equipment } = await equip(prepared);
    const begun = start(
      {
        ...equipment,
        serveDoor: reportingDoor(equipment.serveDoor, managed),
        streams: ["pipe", "pipe", "pipe"],
        session: recordingManaged(sessionAfter(session, stale), managedEvents(managed, prepared)),
        explain: false,
        attended: false,
        cancel: cancel.signal,
      },
      launchable,
    );
    running = begun;
    begun.outcome.catch(ignore); // told below, to whoever handles its end
    await hold?.(begun);
    const { stdin, stdout, stderr } = await pipesOf(begun);
    input = stdin;
    stdin.on("error", () => {}); // shows as the end of its output
    stderr.on("data", (chunk: Buffer) => {
      words = (words + chunk.toString("utf8")).slice(-LAST_WORDS);
    });
    let lost: Error | null = null;
    const drained = new Promise<void>((resolve) => {
      readLines(stdout, {
        line: (text) => {
          early = null;
          return handlers.line(text);
        },
        end: (error) => {
          lost = error;
          resolve();
          if (error !== null) cancel.abort();
        },
      });
    });
    for (const text of early ?? []) await writeLine(stdin, text);
    void begun.outcome.then(
      () => drained.then(() => handlers.end(lost)),
      (error: unknown) => {
        const again = error instanceof StaleLaunch && early !== null && attempt < MOST_ATTEMPTS;
        const cause = error instanceof StaleLaunch ? error.cause : error;
        if (!again) return handlers.end(cause instanceof Error ? cause : new Error(String(cause)));
        launch(handlers, attempt + 1, error).catch((failure: unknown) => {
          handlers.end(failure instanceof Error ? failure : new Error(String(failure)));
        });
      },
    );
  }

  return {
    start: (handlers) => launch(handlers, 1, null),
    send: async (text) => {
      early?.push(text);
      if (input === null) throw new SandboxedError("mcp_server", "the server's program has not started");
      await writeLine(input, text);
    },
    close: async () => {
      input?.end();
      if (running === null) return;
      const over = running.outcome.then(ignore, ignore);
      const timer = setTimeout(() => cancel.abort(), grace);
      await over;
      clearTimeout(timer);
    },
    lastWords: () => words,
  };
}

/** Errors: those of the start. */
async function pipesOf(running: Running): Promise<{ stdin: Writable; stdout: Readable; stderr: Readable }> {
  const streams = await streamsOf(running);
  if (streams?.stdin == null) {
    throw new SandboxedError("mcp_server", "the server's program ended before it could be spoken to");
  }
  const { stdin, stdout, stderr } = streams;
  return { stdin, stdout, stderr };
}

function ignore(): void {}
