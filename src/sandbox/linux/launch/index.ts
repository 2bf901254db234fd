import type { ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { SandboxedError } from "../../../policy/index.ts";
import type { LaunchPlan } from "../../plan.ts";
import type { Stream } from "../../request.ts";
import { bwrapArguments, guardInstructions, initInstructions } from "../plan/index.ts";
import { GuardByNode } from "./by-node.ts";
import { GuardByStarter } from "./by-starter.ts";
import { DirectLaunch } from "./direct.ts";
import type { Guard, GuardRequest, PipedStreams } from "./guard.ts";
import { fillFile, instructionFile } from "./instruction-file.ts";
import { GuardReader, initMessage, LineReader } from "./messages.ts";
import type { GuardMessage, InitMessage } from "./messages.ts";
import { loadStarter } from "./starter.ts";
import type { Starter } from "./starter.ts";
import { fillStandardStreams, requireOpen } from "./standard-streams.ts";

export type { GuardMessage, InitMessage } from "./messages.ts";
export { asQuestion, isSurely, starterAtHand, syncInBackground } from "./starter.ts";

/** What the launch takes from this host: files by absolute path, all outside every writable root. */
export interface LaunchFiles {
  readonly guard: string;
  readonly init: string;
  readonly seccomp: string;
  /** Null where this is another runtime than Node.js. */
  readonly starter: string | null;
  readonly bwrap: string;
  /** A folder of the tool's own for short-lived files. */
  readonly scratch: string;
  readonly emptyFile: string;
  /** Node.js and what it runs when this process was killed; null where this is another runtime. */
  readonly aftermath: readonly [program: string, file: string] | null;
}

export interface LaunchOptions {
  readonly plan: LaunchPlan;
  readonly files: LaunchFiles;
  readonly streams: readonly [input: Stream, output: Stream, error: Stream];
  /** The guard copies what the program writes to its standard error, for finding refusals afterwards. */
  readonly listenToErrors: boolean;
  readonly quarantine: readonly { readonly path: string; readonly to: string }[];
  readonly onInit: (message: InitMessage) => void;
  readonly onGuard: (message: GuardMessage) => void;
}

/** A sandbox being built or running. */
export interface Launch {
  /** For its door; null where there is none to have. */
  readonly child: ChildProcess | null;
  /** The launcher's ends of what was asked for as pipes; null before the program has them. */
  readonly streams: PipedStreams | null;
  /** Lets the program start; nothing of it runs before. */
  go(): void;
  /** What the aftermath is told; call it before `go`. Errors: `setup_failed`, and the launch is given up. */
  leave(estate: string): void;
  /** Gives up; nobody but the caller looks at what a run left. */
  abort(): void;
  toInit(line: string): void;
  toGuard(line: string): void;
  /** Settles when the guard has gone and both channels are read to their ends. */
  readonly ended: Promise<void>;
}

/**
 * Starts the guard, which starts everything else. The environment of the helpers is empty: what the program gets
 * travels in its instructions, so that no loader variable touches them and `/proc/1/environ` shows nothing.
 * Errors: `setup_failed`, and nothing was started.
 */
export function launch(options: LaunchOptions): Launch {
  const { plan, files } = options;
  const descriptors: number[] = [];
  let estate: number | null = null;
  const file = (content: Uint8Array): number => {
    const fd = instructionFile(files.scratch, content);
    descriptors.push(fd);
    return fd;
  };
  try {
    fillStandardStreams();
    requireOpen(options.streams);
    if (plan.backend === "none") return new DirectLaunch(options);
    const starter = files.starter === null || plan.door !== null ? null : loadStarter(files.starter);
    const guard = file(
      guardInstructions(plan, {
        bwrap: plan.backend === "landlock" ? null : files.bwrap,
        bwrapArguments: plan.backend === "landlock" ? [] : bwrapArguments(plan, files),
        init: files.init,
        listenToErrors: options.listenToErrors,
        aftermath: files.aftermath,
        quarantine: options.quarantine,
      }),
    );
    const init = file(initInstructions(plan));
    const seccomp = openSync(files.seccomp, "r");
    descriptors.push(seccomp);
    estate = files.aftermath === null ? null : instructionFile(files.scratch, Buffer.alloc(0));
    const lines = new LineReader();
    const messages = new GuardReader();
    const started = startGuard(starter, {
      program: files.guard,
      streams: options.streams,
      files: [guard, init, seccomp],
      hasDoor: plan.door !== null,
      estate,
      onInit: (chunk) => {
        for (const line of lines.read(chunk)) options.onInit(initMessage(line) ?? broken(line));
      },
      onGuard: (chunk) => messages.read(chunk).forEach(options.onGuard),
    });
    return new RunningLaunch(started, estate);
  } catch (cause) {
    if (estate !== null) closeSync(estate);
    if (cause instanceof SandboxedError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new SandboxedError("setup_failed", `cannot start ${files.guard}: ${why}`, { cause });
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}

/** Errors: what the system says. */
function startGuard(starter: Starter | null, request: GuardRequest): Guard {
  return starter === null ? new GuardByNode(request) : new GuardByStarter(starter, request);
}

class RunningLaunch implements Launch {
  readonly ended: Promise<void>;
  readonly #guard: Guard;
  readonly #estate: number | null;
  #isGone = false;

  constructor(guard: Guard, estate: number | null) {
    this.#guard = guard;
    this.#estate = estate;
    this.ended = guard.ended;
    const close = (): void => {
      if (estate !== null) closeSync(estate);
    };
    this.ended.then(close, close);
  }

  get child(): ChildProcess | null {
    return this.#guard.child;
  }

  get streams(): PipedStreams {
    return this.#guard.streams;
  }

  leave(estate: string): void {
    if (this.#estate === null) return;
    try {
      fillFile(this.#estate, estate);
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  go(): void {
    this.#isGone = true;
    this.toGuard("going");
    this.toInit("go");
  }

  /** Without its launcher the guard ends everything; killed itself, it would leave a half-made sandbox behind. */
  abort(): void {
    // Else it would put right, untold, what is looked for here.
    if (this.#isGone) this.toGuard("done");
    this.#guard.hangUp();
  }

  toInit(line: string): void {
    this.#guard.toInit(line);
  }

  toGuard(line: string): void {
    this.#guard.toGuard(line);
  }
}

function broken(line: string): InitMessage {
  return { kind: "failed", step: "protocol", errno: 0, text: `unexpected report: ${JSON.stringify(line)}` };
}
