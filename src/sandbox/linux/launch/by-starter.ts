import type { Socket } from "node:net";
import type { Stream } from "../../request.ts";
import { GUARD_CHANNEL, INIT_CHANNEL } from "./guard.ts";
import type { Guard, GuardRequest, PipedStreams } from "./guard.ts";

/** `native/linux/starter`, as it is loaded. */
interface Starter {
  /**
   * `descriptors` become the program's 0, 1, 2 and so on; `heard` is called with what a channel says, by its number,
   * with null at its end, and with -1 and null when the process has ended. Returns a handle, then the other ends of
   * pipes, by place. Errors: what the system says.
   */
  start(
    program: string,
    descriptors: readonly number[],
    heard: (number: number, chunk: Buffer | null) => void,
  ): readonly [StartedHandle, ...number[]];
  say(handle: StartedHandle, number: number, line: string): void;
  hangUp(handle: StartedHandle): void;
}

declare const started: unique symbol;
/** Means something to the starter alone. */
interface StartedHandle {
  readonly [started]: true;
}

/** In place of a descriptor. */
const NOTHING = -1;
const CHANNEL = -2;
const PIPE = -3;
/** By this number the end of the process itself is told. */
const PROCESS = -1;

let loaded: { readonly path: string; readonly starter: Starter | null } | null = null;

/** Null where this Node does not take it: built for another system, or native code is switched off. */
export function loadStarter(path: string): Starter | null {
  if (loaded?.path !== path) loaded = { path, starter: load(path) };
  return loaded.starter;
}

function load(path: string): Starter | null {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- filled by what is loaded
  const module = { exports: {} } as { exports: Starter };
  try {
    process.dlopen(module, path);
    return module.exports;
  } catch {
    return null;
  }
}

/** A guard that the starter starts: without copying this process, and without Node's streams for what it says. */
export class GuardByStarter implements Guard {
  readonly child = null;
  readonly streams: PipedStreams;
  readonly ended: Promise<void>;
  readonly #starter: Starter;
  readonly #handle: StartedHandle;
  /** The process, its two channels, and what of its streams is piped: what has not ended yet. */
  readonly #open = new Set([PROCESS, INIT_CHANNEL, GUARD_CHANNEL]);
  #settle = (): void => {};

  /** Errors: what the system says. */
  constructor(starter: Starter, { program, streams, files, estate, onInit, onGuard }: GuardRequest) {
    this.#starter = starter;
    this.ended = new Promise((resolve) => {
      this.#settle = resolve;
    });
    streams.forEach((stream, number) => stream === "pipe" && this.#open.add(number));
    const heard = (number: number, chunk: Buffer | null): void => {
      if (number === INIT_CHANNEL && chunk !== null) onInit(chunk);
      else if (number === GUARD_CHANNEL && chunk !== null) onGuard(chunk);
      else this.#close(number);
    };
    const placed = [...streams.map(descriptorOf), CHANNEL, CHANNEL, ...files, NOTHING, estate ?? NOTHING];
    const [handle, ...ends] = starter.start(program, placed, heard);
    this.#handle = handle;
    const [input, output, error] = ends.map((end, number) => (end === NOTHING ? null : this.#pipe(end, number)));
    this.streams = { stdin: input ?? null, stdout: output ?? null, stderr: error ?? null };
  }

  hangUp(): void {
    this.#starter.hangUp(this.#handle);
    this.#close(INIT_CHANNEL);
    this.#close(GUARD_CHANNEL);
  }

  toInit(line: string): void {
    this.#starter.say(this.#handle, INIT_CHANNEL, `${line}\n`);
  }

  toGuard(line: string): void {
    this.#starter.say(this.#handle, GUARD_CHANNEL, `${line}\n`);
  }

  /** As Node makes it of a child's stream. */
  #pipe(fd: number, number: number): Socket {
    const { Socket } = process.getBuiltinModule("node:net");
    const isInput = number === 0;
    const pipe = new Socket({ fd, readable: !isInput, writable: isInput });
    pipe.once("close", () => this.#close(number));
    return pipe;
  }

  #close(number: number): void {
    this.#open.delete(number);
    if (number === PROCESS) this.#release();
    if (this.#open.size === 0) this.#settle();
  }

  /** Nobody reads the input any more; what nobody reads of the output is not waited for. */
  #release(): void {
    const { stdin, stdout, stderr } = this.streams;
    stdin?.destroy();
    setImmediate(() => {
      stdout?.resume();
      stderr?.resume();
    });
  }
}

function descriptorOf(stream: Stream, number: number): number {
  if (typeof stream === "number") return stream;
  return { inherit: number, pipe: PIPE, ignore: NOTHING }[stream];
}
