import type {
  BoundPolicy,
  Decision,
  Durability,
  Journal,
  JournalEvent,
  Policy,
  Query,
  ResolvedPolicy,
} from "../policy/index.ts";
import type { Door } from "./linux/door/index.ts";
import type { Backend } from "./plan.ts";

/** The session a run belongs to. Its journal is opened late: the kernel builds the sandbox meanwhile. */
export interface RunSession {
  readonly id: string;
  readonly openJournal: () => Journal;
}

export type Stream = "inherit" | "pipe" | "ignore" | number;

/** One run of one program: what is decided, and how it is started. */
export type RunRequest<P extends Policy = BoundPolicy> = PrepareRequest<P> & StartRequest;

/** What a run is decided from. Paths may be relative to `cwd`, which is absolute. */
export interface PrepareRequest<P extends Policy = BoundPolicy> {
  readonly policy: P;
  readonly program: string;
  /** Without the program's name. */
  readonly arguments: readonly string[];
  /** A script among the arguments that the person named: readable even where the working directory grants nothing. */
  readonly script: string | null;
  readonly cwd: string;
  /** The caller's, unfiltered. */
  readonly environment: ReadonlyMap<string, string>;
  /** Where the workspace is looked for, if not from `cwd`: then a program gains nothing by where it starts. */
  readonly workspaceFrom?: string;
  /** What `:workspace_roots` stands for; null finds it from the working directory, as the command line does. */
  readonly workspaceRoots: readonly string[] | null;
  readonly workspace: "repo" | "cwd";
  /** Null takes the highest rung of the ladder this host reaches. */
  readonly backend: Backend | null;
  readonly terminal: "auto" | "always" | "never";
  readonly session: { readonly id: string };
  /** Ports of the program's own servers that the host's loopback leads to; none by default. */
  readonly publish?: readonly Publication[];
  /** The run has a companion that the program can talk to: a way to it is opened whatever the network is. */
  readonly channel?: boolean;
}

/** `port` inside, reached at `address` and `hostPort` outside. The address is one of the loopback. */
export interface Publication {
  readonly address: string;
  readonly hostPort: number;
  readonly port: number;
}

/**
 * Serves the listeners of a run's door by its policy. Called about when the program starts, which waits for nothing.
 * What it returns is closed when the run has ended.
 */
export type ServeDoor = (door: Door, policy: ResolvedPolicy, watcher: DoorWatcher) => Promise<DoorService>;

/** Told of what happens at the door. */
export interface DoorWatcher {
  /** Each refusal, many a time of the same. */
  readonly refused: (query: Query, decision: Decision) => void;
  /** For the journal. */
  readonly record: (event: JournalEvent) => void;
}

/** A door in service. A change holds at once for what is begun, and within a second for what is open. */
export interface DoorService {
  /** Puts another policy in force; settles with the number of its generation. Errors: those of its credentials. */
  update(policy: ResolvedPolicy): Promise<number>;
  /** Puts an earlier generation in force again; false when it is no longer known. */
  restore(generation: number): boolean;
  close(): void;
}

/** Somebody who lives beside a run, and whom its program may talk to. Must not throw but from `begin`. */
export interface Companion {
  /** The journal is open, and the program starts when this has returned. */
  begin(run: CompanionRun): void;
  /** Milliseconds for which the run's wall clock stood still so far. */
  pausedFor(): number;
  /** The program has ended, and the journal takes a last word. May be called without a beginning. */
  end(): void;
}

/** What a companion may do to its run. */
export interface CompanionRun {
  /** Errors: `journal_unwritable`, which ends the run as well. */
  readonly record: (event: JournalEvent, durability: Durability) => void;
  /** Asks the program to end, then ends it. */
  readonly cancel: () => void;
  /** As of `Running`. */
  readonly borrowTerminal: () => Promise<(() => void) | null>;
}

/** How a decided run is started. */
export interface StartRequest {
  readonly streams: readonly [input: Stream, output: Stream, error: Stream];
  readonly session: RunSession;
  /** Listen to standard error for refusals. */
  readonly explain: boolean;
  /** This process exists for the run: its signals and its terminal's stops belong to the program. */
  readonly attended: boolean;
  /** For plans that have a door; without it such a plan is refused. */
  readonly serveDoor?: ServeDoor;
  /** PEM, for plans that name a place for it. */
  readonly trust?: string;
  readonly companion?: Companion;
  /** Asks the program to end, then ends it. */
  readonly cancel?: AbortSignal;
  /** Milliseconds between the two. */
  readonly grace?: number;
}
