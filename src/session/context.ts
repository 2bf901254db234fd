import type { AbsolutePath, Decision, JournalEvent, Query } from "../policy/index.ts";
import type { RunClock } from "./clock.ts";
import type { Questioner } from "./question.ts";
import type { ToolRegistry } from "./tools.ts";

/** What the methods of one session share. */
export interface SessionContext {
  readonly id: string;
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
  /** For the journal, batched. Every call is noted already. */
  record(event: JournalEvent): void;
}
