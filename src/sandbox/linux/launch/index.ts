import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { Duplex } from "node:stream";
import { codeOf, SandboxedError } from "../../../policy/index.ts";
import type { LaunchPlan } from "../../plan.ts";
import type { Stream } from "../../request.ts";
import { bwrapArguments, guardInstructions, initInstructions } from "../plan/index.ts";
import { DirectLaunch } from "./direct.ts";
import { fillFile, instructionFile } from "./instruction-file.ts";
import { GuardReader, initMessage, LineReader } from "./messages.ts";
import type { GuardMessage, InitMessage } from "./messages.ts";

export type { GuardMessage, InitMessage } from "./messages.ts";

/** What the launch takes from this host: files by absolute path, all outside every writable root. */
export interface LaunchFiles {
  readonly guard: string;
  readonly init: string;
  readonly seccomp: string;
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
  /** The process that was started; null before it is. */
  readonly child: ChildProcess | null;
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
 */
export function launch(options: LaunchOptions): Launch {
  const { plan, files } = options;
  if (plan.backend === "none") return new DirectLaunch(options);
  const descriptors: number[] = [];
  const file = (content: Uint8Array): number => {
    const fd = instructionFile(files.scratch, content);
    descriptors.push(fd);
    return fd;
  };
  try {
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
    const estate = files.aftermath === null ? null : instructionFile(files.scratch, Buffer.alloc(0));
    const child = spawn(files.guard, [], {
      env: {},
      cwd: "/",
      stdio: [...options.streams, "pipe", "pipe", guard, init, seccomp, doorChannel(plan), estate ?? "ignore"],
    });
    return new RunningLaunch(child, estate, options);
  } finally {
    for (const fd of descriptors) closeSync(fd);
  }
}

class RunningLaunch implements Launch {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly #init: Duplex;
  readonly #guard: Duplex;
  readonly #estate: number | null;
  #isGone = false;

  constructor(child: ChildProcess, estate: number | null, options: LaunchOptions) {
    this.child = child;
    this.#estate = estate;
    this.#init = channel(child, INIT_CHANNEL);
    this.#guard = channel(child, GUARD_CHANNEL);
    const lines = new LineReader();
    this.#init.on("data", (chunk: Buffer) => {
      for (const line of lines.read(chunk)) options.onInit(initMessage(line) ?? broken(line));
    });
    const reader = new GuardReader();
    this.#guard.on("data", (chunk: Buffer) => reader.read(chunk).forEach(options.onGuard));
    // The other side ends first in every run: writing to it then is no error.
    this.#init.on("error", ignore);
    this.#guard.on("error", ignore);
    this.ended = new Promise((resolve, reject) => {
      child.once("error", (cause) => {
        reject(new SandboxedError("setup_failed", `cannot start ${options.files.guard}: ${cause.message}`, { cause }));
      });
      child.once("close", () => resolve());
    });
    const close = (): void => {
      if (estate !== null) closeSync(estate);
    };
    this.ended.then(close, close);
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
    this.#init.destroy();
    this.#guard.destroy();
  }

  toInit(line: string): void {
    say(this.#init, line);
  }

  toGuard(line: string): void {
    say(this.#guard, line);
  }
}

/**
 * A Node process receives descriptors through an `ipc` stream alone. Whoever serves the door makes a `DoorChannel` of
 * the child in the same turn of the event loop.
 */
function doorChannel(plan: LaunchPlan): "ipc" | "ignore" {
  return plan.door === null ? "ignore" : "ipc";
}

const INIT_CHANNEL = 3;
const GUARD_CHANNEL = 4;

/** One of the two streams asked for as pipes: Node makes them sockets, and types them as readable only. */
function channel(child: ChildProcess, number: number): Duplex {
  const stream: unknown = child.stdio.at(number);
  if (stream instanceof Duplex) return stream;
  throw new SandboxedError("setup_failed", `the guard was started without its channel ${number}`);
}

/**
 * Past the stream: Node takes a write that fails, since the other side has ended, for the end of reading as well, and
 * what that side said last would be lost.
 */
function say(stream: Duplex, line: string): void {
  if (stream.destroyed) return;
  const handle: unknown = Reflect.get(stream, "_handle");
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : null;
  if (typeof fd !== "number" || fd < 0) {
    stream.write(`${line}\n`);
    return;
  }
  try {
    writeSync(fd, `${line}\n`);
  } catch (error) {
    // Full, which takes thousands of lines that nobody reads: the stream can wait.
    if (codeOf(error) === "EAGAIN") stream.write(`${line}\n`);
  }
}

function ignore(): void {}

function broken(line: string): InitMessage {
  return { kind: "failed", step: "protocol", errno: 0, text: `unexpected report: ${JSON.stringify(line)}` };
}
