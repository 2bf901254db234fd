import { SandboxedError } from "../words/error.ts";
import { parseSegment } from "./segment.ts";
import type { Segment } from "./segment.ts";

/** A pattern over whole path components, ready to be matched in linear time. */
export interface CompiledGlob {
  /** The leading names that hold no wildcard: where the search for files starts. */
  readonly base: readonly string[];
  /**
   * How many leading components of the path the deepest match covers: a directory that matches takes what lies below
   * it along. 0 when nothing matches.
   */
  readonly matchDepth: (names: readonly string[]) => number;
  /** Whether something at or below the path could match. */
  readonly mayMatchBelow: (names: readonly string[]) => boolean;
  /** For a pattern that ends in `**` and one plain name: that last name, by which a crowd of patterns can be found quickly. */
  readonly anywhere: string | null;
}

/** A person writes no longer ones, and the cost of matching grows with the length. */
const LONGEST_PATTERN = 1024;

type Step = Segment | "any depth";

/**
 * Compiles an absolute pattern without braces: `*` and `?` stay within a name, `**` as a whole name stands for any
 * number of names. Names that start with a dot are like all others. Errors: `policy_invalid`.
 */
export function compileGlob(pattern: string): CompiledGlob {
  checkPattern(pattern);
  const steps: Step[] = [];
  for (const part of pattern.split("/").filter((name) => name !== "" && name !== ".")) {
    if (part !== "**") steps.push(parseSegment(part));
    else if (steps.at(-1) !== "any depth") steps.push("any depth");
  }
  const base: string[] = [];
  for (const step of steps) {
    if (step === "any depth" || !("literal" in step)) break;
    base.push(step.literal);
  }
  const last = steps.at(-1);
  const isAnywhere = steps.length === base.length + 2 && steps[base.length] === "any depth";
  return {
    base,
    matchDepth: (names) => walk(steps, names).matched,
    mayMatchBelow: (names) => walk(steps, names).alive,
    anywhere: isAnywhere && typeof last === "object" && "literal" in last ? last.literal : null,
  };
}

/** What no pattern may hold, whatever it is used for. Errors: `policy_invalid`. */
export function checkPattern(pattern: string): void {
  const problem =
    pattern.length > LONGEST_PATTERN
      ? `is longer than ${LONGEST_PATTERN} characters`
      : /[\0\r\n]/.test(pattern)
        ? "holds NUL or a line break"
        : pattern.startsWith("!") || /[@!+?*]\(/.test(pattern)
          ? "uses negation or an extended form such as @(a|b), which are not supported"
          : pattern.split("/").includes("..")
            ? "holds .."
            : null;
  if (problem === null) return;
  throw new SandboxedError("policy_invalid", `the pattern ${JSON.stringify(pattern.slice(0, 200))} ${problem}`);
}

/** Follows all positions in the pattern at once, so that no pattern makes it go back. */
function walk(steps: readonly Step[], names: readonly string[]): { readonly matched: number; readonly alive: boolean } {
  let matched = 0;
  let positions = closure(steps, [0]);
  for (let at = 0; at < names.length; at++) {
    const name = names[at] ?? "";
    const next: number[] = [];
    for (const position of positions) {
      const step = steps[position];
      if (step === "any depth") next.push(position);
      else if (step !== undefined && accepts(step, name)) next.push(position + 1);
    }
    if (next.length === 0) return { matched, alive: matched > 0 };
    positions = closure(steps, next);
    if (positions.includes(steps.length)) matched = at + 1;
  }
  return { matched, alive: true };
}

function accepts(step: Segment, name: string): boolean {
  return "literal" in step ? step.literal === name : step.matches(name);
}

/** `**` may stand for nothing at all. */
function closure(steps: readonly Step[], positions: readonly number[]): number[] {
  const all = new Set<number>();
  for (let position of positions) {
    all.add(position);
    while (steps[position] === "any depth") all.add(++position);
  }
  return [...all];
}
