import { isDeepStrictEqual } from "node:util";
import type { Provenance } from "../policy/index.ts";
import { parseDuration, parseSize } from "../policy/index.ts";
import { conflict, showPlaces } from "./constrained.ts";
import type { Combined } from "./constrained.ts";
import { keys } from "./keys.ts";
import type { Key } from "./keys.ts";
import type { RawValue } from "./schema.ts";

/** What one source says for a key. */
export interface Stated<T> {
  readonly value: T;
  readonly place: Provenance;
}

/** Keys whose sources' values become one value; of the rest each source's is kept apart. */
export type MergedKey = {
  [K in Key]: (typeof keys)[K]["combine"] extends "each" | "own" ? never : K;
}[Key];

export function isMerged(key: Key): key is MergedKey {
  const { combine: way } = keys[key];
  return way !== "each" && way !== "own";
}

/**
 * One value from the sources' values, lowest rank first, as the table of keys says. Errors: `requirements_conflict`
 * where they leave nothing or contradict each other.
 */
export function combine<K extends MergedKey>(
  key: K,
  stated: readonly Stated<RawValue<K>>[],
): Combined<RawValue<K>> | null {
  if (stated.length === 0) return null;
  const { value, from } = combineAny(key, stated);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each way of combining returns the kind of value it was given
  return { value: value as RawValue<K>, from };
}

type Any = Stated<unknown>;

function combineAny(key: MergedKey, stated: readonly Any[]): Combined<unknown> {
  switch (keys[key].combine) {
    case "intersection":
      return intersection(key, stated);
    case "union":
      return { value: unique(stated.flatMap(({ value }) => listOf(value))), from: places(stated) };
    case "off":
      return byName(stated, (values) => deciding(values, (value) => value === false));
    case "on":
      return deciding(stated, (value) => value === true || value === "required");
    case "least":
      return byName(stated, (values, name) => outermost(values, (one, other) => compare(name ?? key, one, other) < 0));
    case "greatest":
      return outermost(stated, (one, other) => compare(key, one, other) > 0);
    case "rank":
      return last(stated);
    case "same":
      return byName(stated, (values, name) =>
        agreed(name === null ? key : `${key.replace(/\.?\*$/, "")}.${name}`, values),
      );
  }
}

/** An empty list in a file is refused before; here it means that the sources leave nothing. */
function intersection(key: MergedKey, stated: readonly Any[]): Combined<unknown> {
  const lists = stated.map(({ value }) => namesOf(value));
  const [first = [], ...rest] = lists;
  const left = first.filter((member) => rest.every((list) => list.some((other) => isDeepStrictEqual(member, other))));
  if (left.length === 0) {
    throw conflict(`no value of ${key} is allowed by all of ${showPlaces(places(stated))}`, places(stated));
  }
  // By text, so that the order of sources never matters.
  const value = left.toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  const isTable = stated.every(({ value: written }) => !Array.isArray(written));
  return { value: isTable ? Object.fromEntries(value.map((name) => [name, true])) : value, from: places(stated) };
}

/** Of a table `{ name = bool }` the names that are true. */
function namesOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  return Object.entries(tableOf(value)).flatMap(([name, on]) => (on === true ? [name] : []));
}

/** The value that one of them is enough for, with those who said it. */
function deciding(stated: readonly Any[], decides: (value: unknown) => boolean): Combined<unknown> {
  const decisive = stated.filter(({ value }) => decides(value));
  const held = decisive.length > 0 ? decisive : stated;
  return { value: held.at(-1)?.value, from: places(held) };
}

function outermost(stated: readonly Any[], precedes: (one: unknown, other: unknown) => boolean): Combined<unknown> {
  const [first, ...rest] = stated;
  const best = rest.reduce(
    (held, next) => (held === undefined || precedes(next.value, held.value) ? next : held),
    first,
  );
  const equal = stated.filter(({ value }) => best !== undefined && !precedes(best.value, value));
  return { value: best?.value, from: places(equal) };
}

function last(stated: readonly Any[]): Combined<unknown> {
  const held = stated.at(-1);
  return { value: held?.value, from: held === undefined ? [] : [held.place] };
}

function agreed(name: string, stated: readonly Any[]): Combined<unknown> {
  const [first, ...rest] = stated;
  if (rest.some(({ value }) => !isDeepStrictEqual(value, first?.value))) {
    throw conflict(`${name} is said differently by ${showPlaces(places(stated))}`, places(stated));
  }
  return { value: first?.value, from: places(stated) };
}

/** Values that are tables name by name; others at once. */
function byName(
  stated: readonly Any[],
  one: (values: readonly Any[], name: string | null) => Combined<unknown>,
): Combined<unknown> {
  const isTable = stated.every(({ value }) => typeof value === "object" && value !== null && !Array.isArray(value));
  if (!isTable) return one(stated, null);
  const names = unique(stated.flatMap(({ value }) => Object.keys(tableOf(value)))).toSorted();
  const table: Record<string, unknown> = Object.create(null);
  for (const name of names) {
    const values = stated.flatMap(({ value, place }) => {
      const member = tableOf(value)[name];
      return member === undefined ? [] : [{ value: member, place }];
    });
    table[name] = one(values, name).value;
  }
  return { value: table, from: places(stated) };
}

const rungs = ["landlock", "bwrap-outer-proc", "bwrap"];

/** Below 0 where `one` is less. `key`: of the requirement, or the name of a limit. */
function compare(key: string, one: unknown, other: unknown): number {
  if (key.startsWith("tool.")) return compareVersions(String(one), String(other));
  if (key === "enforcement_level") return rungs.indexOf(String(one)) - rungs.indexOf(String(other));
  return amountOf(key, one) - amountOf(key, other);
}

export function amountOf(key: string, value: unknown): number {
  if (typeof value !== "string" && typeof value !== "number") return Number.NaN;
  if (key === "wall_time" || key === "max_pause") return parseDuration(value);
  return typeof value === "number" ? value : parseSize(value);
}

/** `1.2.3`, missing parts as 0. */
export function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((text) => text.split(".").map(Number));
  for (const at of [0, 1, 2]) {
    const difference = (left?.[at] ?? 0) - (right?.[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function places(stated: readonly Any[]): readonly Provenance[] {
  return stated.map(({ place }) => place);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function tableOf(value: unknown): Readonly<Record<string, unknown>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object that is no array is read by its own keys alone
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function unique<T>(values: readonly T[]): readonly T[] {
  return values.filter((value, index) => values.findIndex((other) => isDeepStrictEqual(value, other)) === index);
}
