import { escapeText } from "../../policy/index.ts";
import { SessionError } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";

/**
 * What a question wants besides yes or no: the part of JSON Schema that a person can be asked for. Patterns and formats
 * are not in it: the schema comes from inside, and a pattern can take for ever.
 */
export interface Form {
  readonly type: FormType | null;
  readonly title: string | null;
  readonly description: string | null;
  readonly choices: readonly Json[] | null;
  readonly default: Json | undefined;
  /** Of numbers, of text by characters, of lists by entries. */
  readonly least: number | null;
  readonly most: number | null;
  readonly entries: Form | null;
  readonly fields: ReadonlyMap<string, Form>;
  readonly required: ReadonlySet<string>;
  /** Fields that are not listed may be there too. */
  readonly isOpen: boolean;
}

const types = ["string", "number", "integer", "boolean", "null", "array", "object"] as const;
type FormType = (typeof types)[number];

const MOST_DEPTH = 8;
const MOST_FIELDS = 100;

const bounds: Readonly<Record<string, readonly [least: string, most: string]>> = {
  string: ["minLength", "maxLength"],
  number: ["minimum", "maximum"],
  integer: ["minimum", "maximum"],
  array: ["minItems", "maxItems"],
};

/** Reads a question's schema; null where it has none. Errors: `invalid_params`, naming what it cannot hold. */
export function readForm(schema: Json): Form | null {
  if (schema === null) return null;
  const form = read(schema, "schema", 0);
  if (form.type !== "object") throw wrong("schema", 'has to be of type "object": its properties are the fields');
  if (form.fields.has("approve")) throw wrong("schema.properties.approve", "is in every reply already");
  return form;
}

function read(schema: Json, at: string, depth: number): Form {
  if (!isObject(schema)) throw wrong(at, "has to be an object");
  if (depth > MOST_DEPTH) throw wrong(at, `is deeper than ${MOST_DEPTH}`);
  const members = new Map<string, Json>(Object.entries(schema));
  const take = (name: string): Json | undefined => {
    const value = members.get(name);
    members.delete(name);
    return value;
  };
  const text = (name: string): string | null => {
    const value = take(name);
    if (value !== undefined && typeof value !== "string") throw wrong(`${at}.${name}`, "has to be text");
    return value ?? null;
  };
  const number = (name: string | undefined): number | null => {
    const value = name === undefined ? undefined : take(name);
    if (value !== undefined && typeof value !== "number") throw wrong(`${at}.${name ?? ""}`, "has to be a number");
    return value ?? null;
  };
  take("$schema");
  const named = take("type");
  const type = types.find((each) => each === named) ?? null;
  if (named !== undefined && type === null) throw wrong(`${at}.type`, `has to be one of ${types.join(", ")}`);
  const only = take("const");
  const listed = take("enum");
  if (listed !== undefined && !isList(listed)) throw wrong(`${at}.enum`, "has to be a list");
  const [least, most] = bounds[type ?? ""] ?? [];
  const items = type === "array" ? take("items") : undefined;
  const properties = type === "object" ? (take("properties") ?? {}) : {};
  const required = type === "object" ? (take("required") ?? []) : [];
  const additional = type === "object" ? take("additionalProperties") : undefined;
  if (!isObject(properties)) throw wrong(`${at}.properties`, "has to be an object");
  if (Object.keys(properties).length > MOST_FIELDS) throw wrong(`${at}.properties`, `are more than ${MOST_FIELDS}`);
  if (!isList(required) || !required.every((name) => typeof name === "string")) {
    throw wrong(`${at}.required`, "has to be a list of names");
  }
  if (additional !== undefined && typeof additional !== "boolean") {
    throw wrong(`${at}.additionalProperties`, "has to be true or false");
  }
  const form: Form = {
    type,
    title: text("title"),
    description: text("description"),
    choices: only !== undefined ? [only] : (listed ?? null),
    default: take("default"),
    least: number(least),
    most: number(most),
    entries: items === undefined ? null : read(items, `${at}.items`, depth + 1),
    fields: new Map(
      Object.entries(properties).map(([name, field]) => [name, read(field, `${at}.properties.${name}`, depth + 1)]),
    ),
    required: new Set(required.filter((name) => typeof name === "string")),
    isOpen: additional === true,
  };
  const [unknown] = members.keys();
  if (unknown !== undefined) throw wrong(`${at}.${unknown}`, "is not supported in a question");
  return form;
}

/** What is wrong with a reply's content, in words; empty when it fits. Without a form anything does. */
export function faultsOf(form: Form | null, content: JsonObject): readonly string[] {
  return form === null ? [] : faults(form, content, "");
}

function faults(form: Form, value: Json, at: string): readonly string[] {
  const name = at === "" ? "the reply" : escapeText(at);
  if (form.type !== null && !isOfType(form.type, value)) return [`${name} has to be ${article(form.type)}`];
  if (form.choices !== null && !form.choices.some((choice) => same(choice, value))) {
    return [`${name} has to be one of ${form.choices.map((choice) => escapeText(JSON.stringify(choice))).join(", ")}`];
  }
  const size = sizeOf(value);
  const found: string[] = [];
  if (form.least !== null && size !== null && size < form.least) found.push(`${name} has to be ${form.least} or more`);
  if (form.most !== null && size !== null && size > form.most) found.push(`${name} has to be ${form.most} or less`);
  if (isList(value) && form.entries !== null) {
    const { entries } = form;
    value.forEach((entry, index) => found.push(...faults(entries, entry, `${at}[${index}]`)));
  }
  if (form.type === "object" && isObject(value)) {
    const inside = (field: string): string => (at === "" ? field : `${at}.${field}`);
    for (const field of form.required) {
      if (!Object.hasOwn(value, field)) found.push(`${escapeText(inside(field))} is missing`);
    }
    for (const [field, given] of Object.entries(value)) {
      const wanted = form.fields.get(field);
      if (wanted !== undefined) found.push(...faults(wanted, given, inside(field)));
      else if (!form.isOpen) found.push(`${escapeText(inside(field))} is not asked for`);
    }
  }
  return found;
}

function isOfType(type: FormType, value: Json): boolean {
  switch (type) {
    case "integer":
      return Number.isInteger(value);
    case "null":
      return value === null;
    case "array":
      return isList(value);
    case "object":
      return isObject(value);
    default:
      return typeof value === type;
  }
}

function sizeOf(value: Json): number | null {
  if (typeof value === "number") return value;
  if (typeof value === "string") return Array.from(value).length;
  return isList(value) ? value.length : null;
}

function article(type: FormType): string {
  if (type === "null") return "null";
  return `${/^[aio]/.test(type) ? "an" : "a"} ${type}`;
}

function same(one: Json, other: Json): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isList(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

function wrong(at: string, why: string): SessionError {
  return new SessionError("invalid_params", `${escapeText(at)} ${why}`, {
    hint: "docs/session.md lists what a question's schema may hold",
  });
}
