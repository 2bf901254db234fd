import type { z } from "zod";
import { didYouMean, escapeText } from "../policy/index.ts";
import { showPath } from "./document.ts";
import { configSchema } from "./schema.ts";

/** What is wrong with a configuration, where, and what to write instead. */
export interface Wording {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint: string;
}

/** Loads zod: only for telling a person. Null when zod, against expectation, sees nothing wrong. */
export function wordFault(value: unknown, schema: z.ZodType = configSchema): Wording | null {
  const issues = schema.safeParse(value).error?.issues ?? [];
  const [first] = issues;
  return first === undefined ? null : word(first, { value, schema }, []);
}

/** What is checked, and against what. */
interface Checked {
  readonly value: unknown;
  readonly schema: z.ZodType;
}

type Issue = z.core.$ZodIssue;

function word(issue: Issue, root: Checked, base: readonly (string | number)[]): Wording {
  const path = [...base, ...issue.path.map((step) => (typeof step === "symbol" ? String(step) : step))];
  const value = valueAt(root.value, path);
  if (issue.code === "invalid_union") {
    const branch = closestBranch(issue.errors, value);
    if (branch !== null) return word(branch, root, path);
  }
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    const keys = keysAt(root.schema, path);
    const instead = secretKeys.get(key);
    if (instead !== undefined && keys.includes(instead)) {
      return {
        path: [...path, key],
        message: `${showPath([...path, key])} is not supported: a file is no place for a secret`,
        hint: `export it, and write ${instead} = "NAME_OF_THE_VARIABLE"`,
      };
    }
    return {
      path: [...path, key],
      message: `unknown key ${showPath([key])}${didYouMean(key, keys)}`,
      hint: `${path.length === 0 ? "keys here" : `keys of ${showPath(path)}`} are ${keys.join(", ")}`,
    };
  }
  if (issue.code === "invalid_value") {
    const allowed = issue.values.map(String);
    return {
      path,
      message: `${showPath(path)} cannot be ${shown(value)}${typeof value === "string" ? didYouMean(value, allowed) : ""}`,
      hint: `write one of ${allowed.map((one) => JSON.stringify(one)).join(", ")}`,
    };
  }
  const expected = issue.code === "invalid_type" ? (words.get(issue.expected) ?? issue.expected) : "something else";
  return { path, message: `${showPath(path)} must be ${expected}, not ${shown(value)}`, hint: "correct the value" };
}

/** Keys that people expect to hold a secret, and the key that names a variable for it. */
const secretKeys = new Map([
  ["bearer_token", "bearer_token_env_var"],
  ["client_secret", "client_secret_env_var"],
]);

const words = new Map<string, string>([
  ["string", "a string"],
  ["number", "a number"],
  ["boolean", "true or false"],
  ["array", "an array"],
  ["object", "a table"],
  ["record", "a table"],
]);

/** The issue of the branch that the value was most likely meant for. */
function closestBranch(branches: readonly (readonly Issue[])[], value: unknown): Issue | null {
  const firsts = branches.flatMap((issues) => issues.slice(0, 1));
  const isTable = typeof value === "object" && value !== null;
  // A complaint about the value as a whole, from a branch for another kind of value.
  const isMisfit = ({ code, path }: Issue): boolean =>
    path.length === 0 && (code === "invalid_type" || (isTable && code === "invalid_value"));
  return firsts.find((issue) => !isMisfit(issue)) ?? firsts[0] ?? null;
}

/** The keys that the schema knows for the table at a path. */
function keysAt(root: z.ZodType, path: readonly (string | number)[]): readonly string[] {
  let schema: unknown = root;
  for (const step of path) schema = inside(unwrap(schema), step);
  const shape = shapeOf(unwrap(schema));
  return shape === null ? [] : Object.keys(shape);
}

/** What zod keeps about a schema, as far as it is needed to walk one. */
interface Definition {
  readonly type: string;
  readonly innerType?: unknown;
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly valueType?: unknown;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
}

function definitionOf(schema: unknown): Definition | null {
  return hasDefinition(schema) ? schema.def : null;
}

/** Every zod schema carries its definition there; the members are read as unknown. */
function hasDefinition(schema: unknown): schema is { readonly def: Definition } {
  return typeof schema === "object" && schema !== null && "def" in schema;
}

function unwrap(schema: unknown): Definition | null {
  let definition = definitionOf(schema);
  while (definition?.innerType !== undefined) definition = definitionOf(definition.innerType);
  if (definition?.type !== "union") return definition;
  const tables = (definition.options ?? []).map(unwrap);
  return tables.find((option) => option?.type === "object" || option?.type === "record") ?? definition;
}

function inside(definition: Definition | null, step: string | number): unknown {
  return shapeOf(definition)?.[step] ?? definition?.valueType ?? definition?.element;
}

function shapeOf(definition: Definition | null): Readonly<Record<string, unknown>> | null {
  return definition?.shape ?? null;
}

function valueAt(root: unknown, path: readonly (string | number)[]): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = new Map<string, unknown>(Object.entries(value)).get(String(step));
  }
  return value;
}

function shown(value: unknown): string {
  if (typeof value === "string") return escapeText(JSON.stringify(value));
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return "an array";
  return value instanceof Date ? "a date" : "a table";
}
