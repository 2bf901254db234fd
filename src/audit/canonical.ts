import { redactArgv, redacted, redactText } from "./redact.ts";
import { isSecretName } from "./secret-name.ts";

/** Deeper data is cut; nothing the tool records is. */
const deepest = 32;

/**
 * The one JSON form of a value: members sorted by code unit, no spaces, every character outside printable ASCII written as
 * `\uXXXX`, so that a path with a newline, an escape sequence or a right-to-left mark can neither make a second record nor
 * deceive whoever reads the file with `cat`. Secrets are hidden on the way; members that are `undefined` are left out.
 */
export function canonicalJson(value: unknown): string {
  return encode(value, "", 0);
}

/** The members of an object without its braces, for a record that puts its own first. */
export function canonicalMembers(value: object): string {
  return members(value, 0);
}

function encode(value: unknown, name: string, depth: number): string {
  if (typeof value === "string") return encodeText(name, value);
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "object") return encodeString(`[${typeof value}]`);
  if (depth >= deepest) return encodeString("[too deep]");
  if (Array.isArray(value)) return `[${encodeList(value, name, depth).join(",")}]`;
  return `{${members(value, depth)}}`;
}

function encodeList(list: readonly unknown[], name: string, depth: number): readonly string[] {
  if ((name === "" || !named(name).isSecret) && list.every((item) => typeof item === "string" && plain.test(item))) {
    return list.map((item) => `"${String(item)}"`);
  }
  if (!list.every((item) => typeof item === "string")) return list.map((item) => encode(item, name, depth + 1));
  // Other lists of words (`--read` and its path) are read like a command line too: a flag names what follows.
  return redactArgv(list).map((item) => encodeText(name, item));
}

function encodeText(name: string, value: string): string {
  if (name !== "" && named(name).isSecret) return encodeString(redacted);
  return plain.test(value) ? `"${value}"` : encodeString(redactText(value));
}

function members(value: object, depth: number): string {
  let text = "";
  // Plain names and no list of pairs: most records are a handful of words, and there are thousands a second.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own names are asked for, whatever it is
  const own = value as Readonly<Record<string, unknown>>;
  for (const name of inOrder(Object.keys(own))) {
    const member = own[name];
    if (member === undefined) continue;
    text += `${text === "" ? "" : ","}${named(name).start}${encode(member, name, depth + 1)}`;
  }
  return text;
}

/** Whoever records often names members in their order. */
function inOrder(given: readonly string[]): readonly string[] {
  const isInOrder = given.every((name, at) => at === 0 || (given[at - 1] ?? "") < name);
  return isInOrder ? given : given.toSorted(byCodeUnit);
}

function byCodeUnit(one: string, other: string): number {
  return one < other ? -1 : 1;
}

interface MemberName {
  /** Encoded, with the colon. */
  readonly start: string;
  readonly isSecret: boolean;
}

/** Member names are few and come again and again; the bound is against names that somebody makes up. */
const names = new Map<string, MemberName>();

function named(name: string): MemberName {
  let known = names.get(name);
  if (known === undefined) {
    known = { start: `${encodeString(name)}:`, isSecret: isSecretName(name, ":") };
    if (names.size < 256) names.set(name, known);
  }
  return known;
}

/** Short and without anything that JSON writes otherwise or by which a secret shows. */
const plain = /^[\w./]{0,15}$/;

function encodeString(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  const json = JSON.stringify(text);
  if (!/[^\x20-\x7e]/.test(json)) return json;
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
