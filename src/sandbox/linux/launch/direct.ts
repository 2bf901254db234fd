import type { ChildProcess } from "node:child_process";
import { constants } from "node:os";
import { SandboxedError } from "../../../policy/index.ts";
import type { PipedStreams } from "./guard.ts";
import type { Launch, LaunchOptions } from "./index.ts";

/**
 * A program without any sandbox, for policies that restrict nothing: same session, journal, limits on time and ends,
 * no protection. Whoever calls says so to the person.
 */
export class DirectLaunch implements Launch {
  readonly child = null;
  readonly ended: Promise<void>;
  readonly #options: LaunchOptions;
  #child: ChildProcess | null = null;
  #settle: { resolve: () => void; reject: (error: Error) => void } = { resolve: () => {}, reject: () => {} };

  constructor(options: LaunchOptions) {
    this.#options = options;
    this.ended = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  get streams(): PipedStreams | null {
    return this.#child;
  }

  go(): void {
    const { plan, streams, onInit } = this.#options;
    const [name = plan.program, ...rest] = plan.argv;
    const { spawn } = process.getBuiltinModule("node:child_process");
    const child = spawn(plan.program, rest, {
      argv0: name,
      cwd: plan.cwd,
      env: Object.fromEntries(plan.environment),
      stdio: [...streams],
    });
    this.#child = child;
    child.once("spawn", () => onInit({ kind: "started" }));
    child.once("error", (cause) => {
      this.#settle.reject(
        new SandboxedError("program_not_executable", `cannot start ${plan.program}: ${cause.message}`, { cause }),
      );
    });
    child.once("exit", (code, signal) => {
      onInit(
        code === null
          ? { kind: "signal", number: signal === null ? 0 : constants.signals[signal] }
          : { kind: "exit", code },
      );
    });
    child.once("close", () => this.#settle.resolve());
  }

  /** Nothing is protected, so that nothing is left to look at. */
  leave(): void {}

  toInit(line: string): void {
    const [word, number] = line.split(" ");
    // Nothing holds its processes together, so that nobody can say that all of them stand still.
    if (word === "freeze") this.#options.onInit({ kind: "frozen", yes: false });
    // From a terminal the program has got the interrupt already: it is in the same process group.
    const doubled = Number(number) === SIGINT && process.stdin.isTTY;
    if (word === "signal" && !doubled) this.#child?.kill(Number(number));
  }

  toGuard(): void {}

  abort(): void {
    this.#settle.resolve();
  }
}

const SIGINT = 2;
