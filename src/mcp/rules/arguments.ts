import { realpathSync } from "node:fs";
import { basename, dirname, join, normalize } from "node:path";
import { at, escapeText } from "../../policy/index.ts";
import type { ArgumentRule, ArgumentRules } from "../../policy/index.ts";
import { isTable } from "../catalogue.ts";
import { folded } from "./folded.ts";
import { startsBelow, wholeMatch } from "./text-match.ts";

/** Which rule an argument breaks, in words; null when all hold. An argument that is not given breaks none. */
export function brokenRule(rules: ArgumentRules, tool: string, given: unknown): string | null {
  for (const [path, rule] of rules.get(tool) ?? []) {
    for (const value of valuesAt(given, path.split("."))) {
      const problem = problemOf(rule, value);
      if (problem !== null)
        return `${at(rule.provenance)}argument ${escapeText(path)} of ${escapeText(tool)} ${problem}`;
    }
  }
  return null;
}

/**
 * Everything that a path reaches; a name with dots in it counts as well as the way through objects, and so does a name
 * that some servers do not tell from the rule's: `Path` for `path`.
 */
function valuesAt(given: unknown, path: readonly string[]): readonly unknown[] {
  if (Array.isArray(given)) return given.flatMap((member) => valuesAt(member, path));
  if (path.length === 0) return [given];
  if (!isTable(given)) return [];
  const found: unknown[] = [];
  for (let length = 1; length <= path.length; length++) {
    const name = path.slice(0, length).join(".");
    for (const [member, value] of Object.entries(given)) {
      if (folded(member) === folded(name)) found.push(...valuesAt(value, path.slice(length)));
    }
  }
  return found;
}

function problemOf(rule: ArgumentRule, value: unknown): string | null {
  const shown = escapeText(JSON.stringify(value)?.slice(0, 200) ?? "nothing");
  if (rule.enum !== undefined && !rule.enum.some((one) => one === value)) {
    return `cannot be ${shown}; it is one of ${rule.enum.map((one) => JSON.stringify(one)).join(", ")}`;
  }
  if (rule.maximum !== undefined && !(typeof value === "number" && value <= rule.maximum)) {
    return `cannot be ${shown}; it is a number up to ${rule.maximum}`;
  }
  const { prefix, pattern, inside } = rule;
  if (prefix === undefined && pattern === undefined && inside === undefined) return null;
  if (typeof value !== "string") return `cannot be ${shown}; it is a string`;
  if (prefix !== undefined && !startsBelow(prefix, value)) {
    return `cannot be ${shown}; it starts with ${escapeText(JSON.stringify(prefix))} and goes nowhere else`;
  }
  if (pattern !== undefined && !wholeMatch(pattern, value)) {
    return `cannot be ${shown}; it matches ${escapeText(pattern)}`;
  }
  if (inside !== undefined && !liesIn(value, inside)) return `cannot be ${shown}; it lies in ${escapeText(inside)}`;
  return null;
}

function liesIn(value: string, folder: string): boolean {
  if (!value.startsWith("/") || value.includes("\0")) return false;
  const root = canonical(folder);
  const path = canonical(value);
  return path === root || path.startsWith(root === "/" ? root : `${root}/`);
}

/** Links followed as far as the path exists. */
function canonical(path: string): string {
  let known = normalize(path).replace(/(?<=.)\/$/, "");
  const rest: string[] = [];
  for (;;) {
    try {
      return join(realpathSync.native(known), ...rest);
    } catch {
      if (known === "/") return join("/", ...rest);
      rest.unshift(basename(known));
      known = dirname(known);
    }
  }
}
