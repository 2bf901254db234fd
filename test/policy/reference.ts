import micromatch from "micromatch";
import { absolutePath, components, isWithin } from "../../src/policy/index.ts";
import type { Access, AbsolutePath, RawProfile } from "../../src/policy/index.ts";

/** What the design says, written down as directly as possible: the slow opinion the oracle is held against. */
export interface Rule {
  readonly path: string;
  readonly access: Access;
}

const rank = { deny: 0, read: 1, write: 2 } as const;

export function least(one: Access, other: Access): Access {
  return rank[one] < rank[other] ? one : other;
}

/** Access of one layer of plain paths and deny patterns. */
export function accessOf(rules: readonly Rule[], path: AbsolutePath): Access {
  const isGlob = (rule: Rule): boolean => rule.path.includes("*");
  const plain = rules
    .filter((rule) => !isGlob(rule) && isWithin(path, absolutePath(rule.path)))
    .toSorted((one, other) => depth(other.path) - depth(one.path) || rank[one.access] - rank[other.access]);
  const [winner] = plain;
  const names = components(path);
  const matched = rules
    .filter(isGlob)
    .flatMap(({ path: pattern }) =>
      names.map((_, index) => index + 1).filter((count) => matches(pattern, names.slice(0, count))),
    );
  const deepest = Math.max(0, ...matched);
  if (deepest > (winner === undefined ? 0 : depth(winner.path))) return "deny";
  return winner?.access ?? "deny";
}

function depth(path: string): number {
  return components(absolutePath(path)).length;
}

function matches(pattern: string, names: readonly string[]): boolean {
  return micromatch.isMatch(`/${names.join("/")}`, pattern, { dot: true, nonegate: true, noext: true });
}

/** In a table a path stands once; of two the narrower. */
export function narrowed(rules: readonly Rule[]): readonly Rule[] {
  const byPath = new Map<string, Access>();
  for (const { path, access } of rules) byPath.set(path, least(byPath.get(path) ?? "write", access));
  return [...byPath].map(([path, access]) => ({ path, access }));
}

export function asProfile(rules: readonly Rule[]): RawProfile {
  const filesystem: Record<string, Access> = Object.create(null);
  for (const { path, access } of narrowed(rules)) filesystem[path] = access;
  return { filesystem };
}
