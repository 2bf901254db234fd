import { builtinProfileNames } from "../../policy/index.ts";
import type { Option } from "../option.ts";

/** A `sandboxed` command as completion needs it; `run` is `sandboxed-run` as well. */
export interface CompletionCommand {
  /** One word, or two: `policy show`. */
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Option[];
}

/** The words that may follow an option; null when any may, or paths. */
export function valuesOf({ choices, completes }: Option): readonly string[] | null {
  if (choices !== undefined) return choices;
  return completes === "profile" ? builtinProfileNames : null;
}

/** `-r`, `--read`. */
export function spellings({ short, long }: Option): readonly string[] {
  return [...(short === null ? [] : [`-${short}`]), ...(long === null ? [] : [`--${long}`])];
}

/** First words of the commands, in their order, each with its second words. */
export function groups(commands: readonly CompletionCommand[]): ReadonlyMap<string, readonly CompletionCommand[]> {
  const found = new Map<string, CompletionCommand[]>();
  for (const command of commands) {
    const [first = ""] = command.name.split(" ");
    found.set(first, [...(found.get(first) ?? []), command]);
  }
  return found;
}

/** In single quotes for a POSIX shell. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
