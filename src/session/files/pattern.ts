import { checkPattern, expandBraces, parseSegment, SandboxedError } from "../../policy/index.ts";
import type { Segment } from "../../policy/index.ts";
import { invalid } from "./refusal.ts";

type Step = Segment | "any depth";

/** Where in each alternative of a pattern the names so far have led. */
export type Positions = readonly (readonly number[])[];

/** A pattern to walk along with: each directory costs what its names cost, however deep it lies. */
export interface PathPattern {
  readonly start: Positions;
  /** After one more name. */
  next(positions: Positions, name: string): Positions;
  /** The names so far are what the pattern means. */
  isMatch(positions: Positions): boolean;
  /** Something below could match. */
  isOpen(positions: Positions): boolean;
  /** The only names that could lead on; null when it takes a listing to know. */
  expected(positions: Positions): readonly string[] | null;
}

/**
 * `src/*.{ts,js}`, without a slash in front; `*` and `?` stay within a name, `**` is any number of names.
 * Errors: `invalid_params`.
 */
export function parsePattern(text: string): PathPattern {
  const alternatives = stepsOf(text);
  return {
    start: alternatives.map((steps) => closure(steps, [0])),
    next: (positions, name) => alternatives.map((steps, index) => advance(steps, positions[index] ?? [], name)),
    isMatch: (positions) => alternatives.some((steps, index) => positions[index]?.includes(steps.length) === true),
    isOpen: (positions) =>
      alternatives.some((steps, index) => positions[index]?.some((position) => position < steps.length) === true),
    expected: (positions) => expectedNames(alternatives, positions),
  };
}

function stepsOf(text: string): readonly (readonly Step[])[] {
  try {
    checkPattern(text);
    return expandBraces(text).map((one) =>
      one
        .split("/")
        .filter((name) => name !== "" && name !== ".")
        .map(parseStep),
    );
  } catch (error) {
    if (error instanceof SandboxedError) throw invalid(error.message, error.hint);
    throw error;
  }
}

function parseStep(name: string): Step {
  return name === "**" ? "any depth" : parseSegment(name);
}

function advance(steps: readonly Step[], positions: readonly number[], name: string): readonly number[] {
  const next: number[] = [];
  for (const position of positions) {
    const step = steps[position];
    if (step === "any depth") next.push(position);
    else if (step !== undefined && ("literal" in step ? step.literal === name : step.matches(name))) {
      next.push(position + 1);
    }
  }
  return closure(steps, next);
}

/** `**` may stand for nothing at all. */
function closure(steps: readonly Step[], positions: readonly number[]): readonly number[] {
  if (positions.length === 0) return positions;
  const all = new Set<number>();
  for (let position of positions) {
    all.add(position);
    while (steps[position] === "any depth") all.add(++position);
  }
  return [...all];
}

function expectedNames(alternatives: readonly (readonly Step[])[], positions: Positions): readonly string[] | null {
  const names = new Set<string>();
  for (const [index, steps] of alternatives.entries()) {
    for (const position of positions[index] ?? []) {
      const step = steps[position];
      if (step === undefined) continue;
      if (step === "any depth" || !("literal" in step)) return null;
      names.add(step.literal);
    }
  }
  return [...names];
}
