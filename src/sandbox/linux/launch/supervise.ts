import type { LimitName } from "../../../policy/index.ts";
import { SandboxedError } from "../../../policy/index.ts";
import { SharedTerminal } from "./shared-terminal.ts";
import type { GuardMessage, InitMessage, Launch } from "./index.ts";

/** What became of the program, and what the native side noticed on the way. */
export interface Ending {
  readonly exit: number | null;
  readonly signal: number | null;
  readonly limit: { readonly name: LimitName; readonly used: number | null } | null;
  readonly rebound: readonly string[];
  readonly quarantined: readonly { readonly path: string; readonly to: string }[];
  /** What could not be put right. */
  readonly notices: readonly string[];
  /** The first 32 KiB and the last 64 KiB of the program's standard error; empty when nobody listened. */
  readonly errors: Buffer;
  /** Milliseconds since the epoch when the program was executed. */
  readonly startedAt: number;
}

/** How long a program may take to end after it was asked to. */
const GRACE_MS = 5_000;
/** The same where every moment is one too many. */
const REVOKED_GRACE_MS = 500;

/** Collects what init and guard report and carries out ends: time limit, signals, cancel. */
export class Supervisor {
  #launch: Launch | null = null;
  #exit: number | null = null;
  #signal: number | null = null;
  #limit: Ending["limit"] = null;
  #failure: SandboxedError | null = null;
  #failedStep: string | null = null;
  #guardEnded = false;
  #startedAt = 0;
  #printed = "";
  #errors: Buffer = Buffer.alloc(0);
  #killing: NodeJS.Timeout | null = null;
  readonly #rebound: string[] = [];
  readonly #notices: string[] = [];
  readonly #quarantined: { path: string; to: string }[] = [];
  readonly #terminal = new SharedTerminal({
    toInit: (line) => this.#launch?.toInit(line),
    toGuard: (line) => this.#launch?.toGuard(line),
  });
  readonly #stop: (goOn: () => void) => void;

  /** `stop` stops the tool along with its program, and calls back when it runs again. */
  constructor(stop: (goOn: () => void) => void) {
    this.#stop = stop;
  }

  readonly onInit = (message: InitMessage): void => {
    switch (message.kind) {
      case "ready":
        return;
      case "started":
        this.#startedAt = Date.now();
        return;
      case "failed":
        this.#failure = setupFailed(message.step, message.text);
        this.#failedStep = message.step;
        return;
      case "noexec":
        this.#failure = cannotExecute(message.errno);
        return;
      case "stopped":
        // The guard has the last of the output to show first, and the terminal to hand back.
        this.#launch?.toGuard(`stopped ${message.number}`);
        return;
      case "frozen":
        return this.#terminal.frozen(message.yes);
      case "limit":
        this.#limit ??= { name: message.what === "tasks" ? "processes" : "memory", used: message.used };
        return;
      case "rebound":
        this.#rebound.push(message.path);
        return;
      case "tampered":
        this.#limit ??= { name: "tampering", used: null };
        this.#rebound.push(message.path);
        return;
      case "exit":
        this.#exit = message.code;
        return;
      case "signal":
        this.#signal = message.number;
        return;
      default:
        return message satisfies never;
    }
  };

  readonly onGuard = (message: GuardMessage): void => {
    switch (message.kind) {
      case "bwrap-error":
        this.#printed += `${message.text}\n`;
        return;
      case "quarantined":
        this.#quarantined.push({ path: message.path, to: message.to });
        return;
      case "unswept":
        this.#notices.push(`${message.path} could not be put right: ${message.text}`);
        return;
      case "failed":
        this.#failure ??= setupFailed(message.step, message.text);
        return;
      case "stderr":
        this.#errors = message.bytes;
        return;
      case "foreground":
        this.#launch?.toInit(`continue ${message.yes ? "fg" : "bg"}`);
        return;
      case "asking":
        return this.#terminal.asking(message.yes);
      case "stop":
        return this.#stop(() => this.resume());
      case "end":
        this.#guardEnded = true;
        return;
      default:
        return message satisfies never;
    }
  };

  /** Once the launch has ended: the guard was killed, and has swept nothing. */
  get isGuardLost(): boolean {
    return !this.#guardEnded;
  }

  attach(launch: Launch): void {
    this.#launch = launch;
    void launch.ended.catch(() => {}).then(() => this.#terminal.ended());
  }

  /**
   * Stops the whole tree and takes the terminal for a question; null where there is none to take, or the tree does not
   * stand still. What it settles with gives both back.
   */
  borrowTerminal(): Promise<(() => void) | null> {
    return this.#startedAt === 0 ? Promise.resolve(null) : this.#terminal.borrow();
  }

  /** Passes a signal to the program; if it is still there after the grace time, the tree is killed. */
  end(signal: number, grace = GRACE_MS): void {
    this.#launch?.toInit(`signal ${signal}`);
    if (this.#killing !== null) {
      // A terminal that goes away says so twice, the kernel and the shell each: that is nobody's impatience.
      if (signal !== SIGHUP) this.kill();
      return;
    }
    this.#killing = setTimeout(() => this.kill(), grace);
    this.#killing.unref();
  }

  pass(signal: number): void {
    this.#launch?.toInit(`signal ${signal}`);
  }

  kill(): void {
    this.#launch?.toInit("signal 9");
    // An init that does not answer is no reason to wait for ever: the guard's end takes the whole tree along.
    setTimeout(() => this.#launch?.abort(), GRACE_MS).unref();
  }

  /** Ends the run because something it needs has failed outside. */
  fail(error: unknown): void {
    this.#failure ??=
      error instanceof SandboxedError ? error : new SandboxedError("setup_failed", String(error), { cause: error });
    this.kill();
  }

  /** Ends the run because a limit the launcher itself watches is exceeded. */
  exceed(name: LimitName, used: number | null): void {
    this.#limit ??= { name, used };
    if (name === "wall_time") this.end(SIGTERM);
    else if (name === "requirements") this.end(SIGTERM, REVOKED_GRACE_MS);
    else this.kill();
  }

  /** After a stop: the program goes on, in the foreground if the tool is there again. */
  resume(): void {
    this.#launch?.toGuard("foreground?");
  }

  /**
   * Nothing of the program ran, because something on the host was no longer what the plan says, or gone. The host may
   * have changed since it was looked at.
   */
  get isOutdated(): boolean {
    if (this.#startedAt !== 0) return false;
    return isLook(this.#failedStep) || (this.#failure === null && outdated.test(this.#printed));
  }

  /** Errors: `setup_failed`, `backend_refused`, `program_not_found`, `program_not_executable`. */
  ending(): Ending {
    if (this.#killing !== null) clearTimeout(this.#killing);
    if (this.#failure !== null) throw this.#failure;
    if (this.#exit === null && this.#signal === null && this.#limit === null) {
      if (this.#startedAt === 0) throw refusedByBackend(this.#printed);
      this.#signal = SIGKILL;
    }
    return {
      exit: this.#exit,
      signal: this.#signal,
      limit: this.#limit,
      rebound: this.#rebound,
      quarantined: this.#quarantined,
      notices: this.#notices,
      errors: this.#errors,
      startedAt: this.#startedAt,
    };
  }
}

/** What bubblewrap prints when the source of a mount, or the place for it, is gone or something else. */
const outdated = /Can't (find source path|get type of source|bind mount|mkdir|create file|make symlink)/;

const SIGHUP = 1;
/** Steps in which the first process finds the tree as planned or not. */
function isLook(step: string | null): boolean {
  return step === "gather" || step === "expect" || step === "rebind";
}

const SIGKILL = 9;
const SIGTERM = 15;
const ENOENT = 2;
const ENOEXEC = 8;
const EACCES = 13;

function setupFailed(step: string, text: string): SandboxedError {
  return new SandboxedError("setup_failed", `the sandbox could not be set up: ${step}: ${text}`, {
    hint: "sandboxed doctor shows what this host allows",
  });
}

function cannotExecute(errno: number): SandboxedError {
  if (errno === ENOENT) {
    return new SandboxedError(
      "program_not_found",
      "the program, or the interpreter it names, is not visible in the sandbox",
      {
        hint: "grant the interpreter's folder with --read",
      },
    );
  }
  const why =
    errno === EACCES ? "permission denied" : errno === ENOEXEC ? "not an executable format" : `error ${errno}`;
  return new SandboxedError("program_not_executable", `the program cannot be executed: ${why}`);
}

function refusedByBackend(printed: string): SandboxedError {
  const text = printed.trim();
  return new SandboxedError(
    "backend_refused",
    `bubblewrap could not build the sandbox${text === "" ? "" : `: ${text}`}`,
    {
      hint: "sandboxed doctor shows what this host allows",
    },
  );
}
