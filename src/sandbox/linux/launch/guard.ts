import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Stream } from "../../request.ts";

/** What is started, whichever way. */
export interface GuardRequest {
  readonly program: string;
  readonly streams: readonly [input: Stream, output: Stream, error: Stream];
  /** Open here: the instructions of guard and init, the filter of system calls. */
  readonly files: readonly [guard: number, init: number, seccomp: number];
  readonly hasDoor: boolean;
  /** Open here: what the aftermath is told. */
  readonly estate: number | null;
  readonly onInit: (chunk: Buffer) => void;
  readonly onGuard: (chunk: Buffer) => void;
}

/** The guard, once it is started: two channels to speak on, and an end. */
export interface Guard {
  /** Null where it is not Node that started it, as it does for every plan with a door. */
  readonly child: ChildProcess | null;
  /** The launcher's ends of what was asked for as pipes. */
  readonly streams: PipedStreams;
  toInit(line: string): void;
  toGuard(line: string): void;
  /** Ends both channels: without its launcher the guard ends everything. */
  hangUp(): void;
  /** Settles when the guard has gone and all that it and the program said is read. */
  readonly ended: Promise<void>;
}

export interface PipedStreams {
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
}

/** By number, as the guard finds them. */
export const INIT_CHANNEL = 3;
export const GUARD_CHANNEL = 4;
