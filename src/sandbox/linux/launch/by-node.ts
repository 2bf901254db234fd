import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import type { Duplex } from "node:stream";
import { codeOf, SandboxedError } from "../../../policy/index.ts";
import { GUARD_CHANNEL, INIT_CHANNEL } from "./guard.ts";
import type { Guard, GuardRequest, PipedStreams } from "./guard.ts";

/**
 * A guard that Node starts, by copying this process. A plan with a door needs it: Node takes listeners from another
 * process through an `ipc` stream of a child of its own alone. Whoever serves the door makes a `DoorChannel` of the
 * child in the same turn of the event loop.
 */
export class GuardByNode implements Guard {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly #init: Duplex;
  readonly #guard: Duplex;

  constructor({ program, streams, files, hasDoor, estate, onInit, onGuard }: GuardRequest) {
    // Loading it takes longer than most starts have.
    const { spawn } = process.getBuiltinModule("node:child_process");
    const door = hasDoor ? "ipc" : "ignore";
    const pipes = CHANNELS + streams.filter((stream) => stream === "pipe").length;
    requireDescriptors(2 * pipes + OWN_DESCRIPTORS);
    const stdio = [...streams, "pipe" as const, "pipe" as const, ...files, door, estate ?? "ignore"] as const;
    const child = spawn(program, [], { env: {}, cwd: "/", stdio: [...stdio] });
    this.child = child;
    this.ended = new Promise((resolve, reject) => {
      child.once("error", (cause) => {
        reject(new SandboxedError("setup_failed", `cannot start ${program}: ${cause.message}`, { cause }));
      });
      child.once("close", () => resolve());
    });
    this.ended.catch(ignore);
    this.#init = channel(child, INIT_CHANNEL);
    this.#guard = channel(child, GUARD_CHANNEL);
    this.#init.on("data", onInit);
    this.#guard.on("data", onGuard);
    // The other side ends first in every run: writing to it then is no error.
    this.#init.on("error", ignore);
    this.#guard.on("error", ignore);
  }

  get streams(): PipedStreams {
    return this.child;
  }

  hangUp(): void {
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

/** To init, to the guard, and the door's. */
const CHANNELS = 3;
/** What Node opens besides while it starts a program. */
const OWN_DESCRIPTORS = 3;

/** Node loses what it has made for a child when descriptors run out on the way. Errors: what the system says. */
function requireDescriptors(count: number): void {
  const held: number[] = [];
  try {
    while (held.length < count) held.push(openSync("/dev/null", "r"));
  } finally {
    for (const fd of held) closeSync(fd);
  }
}

/** One of the two streams asked for as pipes: Node makes them sockets, and types them as readable only. */
function channel(child: ChildProcess, number: number): Duplex {
  const stream: unknown = child.stdio.at(number);
  const { Duplex } = process.getBuiltinModule("node:stream");
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
