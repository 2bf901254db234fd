import type { Journal, Policy } from "../policy/index.ts";
import type { Backend } from "./plan.ts";

/** The session a run belongs to. Its journal is opened late: the kernel builds the sandbox meanwhile. */
export interface RunSession {
  readonly id: string;
  readonly openJournal: () => Journal;
}

export type Stream = "inherit" | "pipe" | "ignore" | number;

/** One run of one program: what is decided, and how it is started. */
export type RunRequest = PrepareRequest & StartRequest;

/** What a run is decided from. Paths may be relative to `cwd`, which is absolute. */
export interface PrepareRequest {
  readonly policy: Policy;
  readonly program: string;
  /** Without the program's name. */
  readonly arguments: readonly string[];
  /** A script among the arguments that the person named: readable even where the working directory grants nothing. */
  readonly script: string | null;
  readonly cwd: string;
  /** The caller's, unfiltered. */
  readonly environment: ReadonlyMap<string, string>;
  /** What `:workspace_roots` stands for; null finds it from the working directory, as the command line does. */
  readonly workspaceRoots: readonly string[] | null;
  readonly workspace: "repo" | "cwd";
  /** Null takes the highest rung of the ladder this host reaches. */
  readonly backend: Backend | null;
  readonly terminal: "auto" | "always" | "never";
  readonly session: { readonly id: string };
}

/** How a decided run is started. */
export interface StartRequest {
  readonly streams: readonly [input: Stream, output: Stream, error: Stream];
  readonly session: RunSession;
  /** Listen to standard error for refusals. */
  readonly explain: boolean;
  /** This process exists for the run: its signals and its terminal's stops belong to the program. */
  readonly attended: boolean;
  /** Asks the program to end, then ends it. */
  readonly cancel?: AbortSignal;
}
