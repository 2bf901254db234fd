import type { Denial, LimitName } from "../policy/index.ts";
import type { Backend, LaunchPlan, Reduction } from "./plan.ts";

/** Something the tool had to put right after or during the run. */
export interface Repair {
  readonly path: string;
  readonly action: "quarantined" | "reverted" | "rebound";
  /** Where what was found is kept; null when nothing was. */
  readonly kept: string | null;
}

/** A file of the run that something on the host may execute later. */
export interface HandOff {
  readonly path: string;
  readonly category: string;
  readonly change: "made" | "changed";
}

/** A result that the program handed to its session. */
export interface RunSummary {
  readonly title: string;
  /** Any JSON. */
  readonly data: unknown;
  /** Id of the grant it was handed over with. */
  readonly by: string;
  /** ISO 8601, UTC. */
  readonly time: string;
}

/** How a run ended; `--report` writes it as JSON. */
export interface RunOutcome {
  readonly schemaVersion: 1;
  readonly session: string;
  /** What `sandboxed-run` exits with: see docs/errors.md. */
  readonly status: number;
  /** The program's own exit code; null when a signal ended it. */
  readonly exit: number | null;
  readonly signal: number | null;
  /** Which limit ended the run, if one did, and what was used of it. */
  readonly limit: { readonly name: LimitName; readonly used: number | null; readonly allowed: number | null } | null;
  readonly profile: string;
  readonly backend: Backend;
  /** Milliseconds; `setup` ends when the program starts. */
  readonly timing: { readonly started: string; readonly setup: number; readonly wall: number };
  readonly denials: readonly Denial[];
  readonly repairs: readonly Repair[];
  readonly handOff: readonly HandOff[];
  readonly reductions: readonly Reduction[];
  /** What the program handed to its session, apart from what it printed; absent where it had none. */
  readonly summaries?: readonly RunSummary[];
  /** Known before the start. */
  readonly warnings: readonly string[];
  /** Seen during the run or after it, and left as it is. */
  readonly notices: readonly string[];
}

/** What `--dry-run` shows instead. */
export interface DryRun {
  readonly plan: LaunchPlan;
  readonly warnings: readonly string[];
}
