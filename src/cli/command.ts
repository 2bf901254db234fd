import type { Option } from "./option.ts";
import type { Parsed } from "./parse.ts";

/** What a command found: as data for `--json`, as text for a person. */
export interface Result {
  readonly data: object;
  /** Ends with a line break, or is empty. */
  readonly text: string;
  /** 1: the answer is negative (a check failed, a journal is broken). */
  readonly status: 0 | 1;
}

/** One `sandboxed` command. It returns what it found; printing is done in one place. */
export interface Command {
  /** What follows the options, for the usage line: `OPERATION SUBJECT`. */
  readonly operands: string;
  readonly options: readonly Option[];
  /** Whole lines as typed. */
  readonly examples: readonly string[];
  /** More to know, below the usage line; may be empty. */
  readonly about: readonly string[];
  readonly run: (parsed: Parsed<string>) => Result | Promise<Result>;
}
