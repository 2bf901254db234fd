import type { Equipment } from "../run/index.ts";
import type { JournalEvent } from "../policy/index.ts";
import type { LiveRun } from "../reload/index.ts";
import type { Launchable } from "../sandbox/index.ts";
import type { ChosenProgram } from "./interpreter.ts";
import type { RunTools } from "./mcp/run-tools.ts";
import type { Parsed } from "./parse.ts";
import type { RunOption } from "./run-options.ts";
import type { Surroundings } from "./surroundings.ts";

/** A run as the command line asks for it. */
export interface AskedRun {
  readonly parsed: Parsed<RunOption>;
  readonly surroundings: Surroundings;
  /** Where the program starts, if not where it was asked for. What it may do does not depend on it. */
  readonly directory?: string;
  readonly program: ChosenProgram;
  /** Of the session it will be. */
  readonly session: string;
  /** What recalls it, see `recall.ts`; null for a run that is always decided afresh. */
  readonly question: string | null;
}

/** Everything is decided, nothing has happened. */
export interface DecidedRun extends Pick<LiveRun, "files" | "decided" | "from"> {
  readonly launchable: Launchable;
  /** Serves its door, if it has one. */
  readonly equipment: Omit<Equipment, "launchable"> | null;
  /** Of the configuration and of the launch. */
  readonly warnings: readonly string[];
  /** Names in the caller's environment that the program does not get; empty in a recalled run, which nobody asked. */
  readonly dropped: readonly string[];
  /** For the journal, before the program starts. */
  readonly events: readonly JournalEvent[];
  /** Of the MCP servers that were started for it; null where none were. */
  readonly tools: RunTools | null;
  /** Kept for the next run of the same kind, once this one is under way. */
  readonly remember: () => void;
}
