import type { Socket } from "node:net";
import type { Stream } from "../../request.ts";
import { GUARD_CHANNEL, INIT_CHANNEL } from "./guard.ts";
import type { Guard, GuardRequest, PipedStreams } from "./guard.ts";
import type { StartedHandle, Starter } from "./starter.ts";

/** In place of a descriptor. */
const NOTHING = -1;
const CHANNEL = -2;
const PIPE = -3;
/** By this number the end of the process itself is told. */
const PROCESS = -1;

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
