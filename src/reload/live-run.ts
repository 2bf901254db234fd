import type { DoorService, PrepareRequest, Running } from "../sandbox/index.ts";
import type { FileAnswer } from "./answers.ts";
import type { DecideAgain, LiveTerms } from "./terms.ts";

/** A change of requirements, and what it came to for one run. */
export interface RequirementsChange {
  /**
   * `narrowed`: what they forbid holds for the run, too. `ended`: it could not start any more, and is ended. `kept`: they
   * cannot be used, and those of before stay in force. `unchanged`: what they allow is for later runs.
   */
  readonly effect: "narrowed" | "ended" | "kept" | "unchanged";
  /** For a person. */
  readonly message: string;
  /** Of the door's policy; null where there is no door, or nothing of it changed. */
  readonly generation: number | null;
}

/** What a run was decided from, to decide it once more. */
export interface DecidedFrom {
  /** What bounds it, by what files said at the time. */
  readonly terms: LiveTerms;
  /** Null where no program is the run: then its parts are what is held. */
  readonly request: Omit<PrepareRequest, "policy"> | null;
  readonly decide: DecideAgain;
}

/** A run under way that is to be held to its requirements. */
export interface LiveRun {
  readonly running: Pick<Running, "record" | "revoke"> & {
    readonly door: () => Promise<Pick<DoorService, "update"> | null>;
  };
  /** Every file that was read when it was decided. */
  readonly files: readonly FileAnswer[];
  /** When that was, in milliseconds since 1970. */
  readonly decided: number;
  readonly from: () => Promise<DecidedFrom>;
  readonly tell: (change: RequirementsChange) => void;
}
