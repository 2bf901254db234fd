import type { AbsolutePath, Decision, Durability, JournalEvent, NetworkMode, Query } from "../policy/index.ts";
import type { Waits } from "./call/waits.ts";
import type { RunClock } from "./clock.ts";
import type { Json } from "./json.ts";
import type { Questioner } from "./question.ts";
import type { ToolRegistry } from "./tools.ts";

/** What a script found worth telling, apart from its output. */
export interface Summary {
  readonly title: string;
  readonly data: Json;
  /** The holder's id. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/** What the methods of one session share. */
export interface SessionContext {
  readonly id: string;
  readonly version: string;
  readonly networkMode: NetworkMode;
  /**
   * What a holder may do of what a capability covers: the policy's own decision, but that what merely no rule of the
   * caller's allows is allowed. A deny, a credential, a protected name and other people's layers stand.
   */
  decide(query: Query): Decision;
  /** Canonical. Empty when the run has none. */
  readonly workspaceRoots: readonly AbsolutePath[];
  /** Absolute and normal, by spelling alone; relative ones from the first workspace root. Errors: `invalid_params`. */
  locate(path: string): AbsolutePath;
  readonly tools: ToolRegistry;
  readonly questioner: Questioner;
  readonly clock: RunClock;
  /** Milliseconds for which a question may wait at most. */
  readonly maxPause: number;
  /** What one call at a time may have. */
  readonly waits: Waits;
  /** For the journal; every call is noted already. Errors: `failed` when it cannot be written, which ends the run. */
  record(event: JournalEvent, durability: Durability): void;
  summarize(summary: Summary): void;
}
