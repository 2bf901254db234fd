import { SandboxedError } from "../policy/index.ts";
import type { Provenance } from "../policy/index.ts";
import type { Conflict } from "./keys.ts";

/** A value and everybody who made it what it is, lowest rank first. */
export interface Combined<T> {
  readonly value: T;
  readonly from: readonly Provenance[];
}

/** What users may choose, and what becomes of another choice. */
export interface Constrained<T> {
  /** The TOML key that constrains it. */
  readonly key: string;
  /** Null: nobody constrains it. */
  readonly allowed: readonly T[] | null;
  readonly from: readonly Provenance[];
  readonly conflict: Conflict;
  readonly isSame: (one: T, other: T) => boolean;
}

export interface Constraint<T> {
  readonly value: T;
  /** Null where the value is as it was asked for. */
  readonly warning: string | null;
}

/** Null for a value that may be set; else what is wrong with it, naming both sides. `words`: what was typed. */
export function whyNot<T>(
  constrained: Constrained<T>,
  value: T,
  said: Provenance | null,
  words: string | null = null,
): string | null {
  const { allowed, key, from, isSame } = constrained;
  if (allowed === null || allowed.some((one) => isSame(one, value))) return null;
  const asked = said === null ? "" : ` (${words ?? showPlace(said)})`;
  return `${show(value)}${asked} is not among the values of ${key}, ${allowed.map(show).join(", ")} (${showPlaces(from)})`;
}

/**
 * The value as it may be used. `lower` says which of the allowed values are no wider; the first of them takes the
 * place of one that is not allowed. Errors: `requirements_conflict` where none does, or the key says to refuse.
 */
export function constrain<T>(
  constrained: Constrained<T>,
  value: T,
  said: Provenance | null,
  lower: (allowed: T) => boolean = () => true,
  words: string | null = null,
): Constraint<T> {
  const problem = whyNot(constrained, value, said, words);
  if (problem === null) return { value, warning: null };
  const isTyped = said !== null && typed.has(said.layer);
  const fallback = constrained.allowed?.find(lower);
  if (constrained.conflict !== "fall back" || isTyped || fallback === undefined)
    throw conflict(problem, constrained.from);
  return { value: fallback, warning: `${problem}; ${show(fallback)} is used instead` };
}

/** What is typed for one run can be typed otherwise; who typed it learns so at once. */
export const typed: ReadonlySet<string> = new Set(["flag", "override", "api", "grant"]);

export function conflict(message: string, from: readonly Provenance[]): SandboxedError {
  return new SandboxedError("requirements_conflict", message, { hint: whomToAsk(from) });
}

export function whomToAsk(from: readonly Provenance[]): string {
  const owners = [...new Set(from.map(({ owner }) => owner))];
  return `this is up to ${owners.join(" and ") || "the administrator"}; no option of yours changes it`;
}

export function showPlaces(from: readonly Provenance[]): string {
  return from.length === 0 ? "the requirements" : from.map(showPlace).join(" and ");
}

/** `FILE:LINE`, or who said it. */
export function showPlace({ file, line, owner, layer }: Provenance): string {
  if (file === null) return layer === "requirements" ? owner : layer;
  return line === null ? file : `${file}:${line}`;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
