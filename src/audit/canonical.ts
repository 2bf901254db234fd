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

/**
 * The members of an object without its braces and without its `kind`, for a record that puts its own first. Each begins
 * with its comma.
 */
export function canonicalMembers(value: object): string {
  return members(value, 0, "kind");
}

function encode(value: unknown, name: string, depth: number): string {
  if (typeof value === "string") return encodeText(isSecretMember(name), value);
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return encodeNumber(value);
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "object") return encodeString(`[${typeof value}]`);
  if (depth >= deepest) return encodeString("[too deep]");
  if (Array.isArray(value)) return `[${encodeList(value, name, depth).join(",")}]`;
  return `{${members(value, depth).slice(1)}}`;
}

function encodeList(list: readonly unknown[], name: string, depth: number): readonly string[] {
  const isSecret = isSecretMember(name);
  const [only] = list;
  if (list.length === 1 && typeof only === "string") return [encodeText(isSecret, only)];
  if (!isSecret && list.every((item) => typeof item === "string" && plain.test(item))) {
    return list.map((item) => `"${String(item)}"`);
  }
  if (!list.every((item) => typeof item === "string")) return list.map((item) => encode(item, name, depth + 1));
  // Other lists of words (`--read` and its path) are read like a command line too: a flag names what follows.
  return redactArgv(list).map((item) => encodeText(isSecret, item));
}

/** Empty for what has no name of its own. */
function isSecretMember(name: string): boolean {
  return name !== "" && named(name).isSecret;
}

function encodeText(isSecret: boolean, value: string): string {
  if (isSecret) return encodeString(redacted);
  return plain.test(value) ? `"${value}"` : encodeString(redactText(value));
}

function members(value: object, depth: number, without: string | null = null): string {
  let text = "";
  // Plain names and no list of pairs: most records are a handful of words, and there are thousands a second.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own names are asked for, whatever it is
  const own = value as Readonly<Record<string, unknown>>;
  for (const name of inOrder(Object.keys(own), without)) {
    const member = own[name];
    if (member === undefined || name === without) continue;
    const known = named(name);
    if (typeof member !== "string") text += known.start + encode(member, name, depth + 1);
    else if (member === known.value) text += known.text;
    else text += remembered(known, member);
  }
  return text;
}

/** Whoever records often names members in their order, the one that is left out anywhere. */
function inOrder(given: readonly string[], without: string | null): readonly string[] {
  let before = "";
  for (const name of given) {
    if (name === without) continue;
    if (name < before) return given.toSorted(byCodeUnit);
    before = name;
  }
  return given;
}

function byCodeUnit(one: string, other: string): number {
  return one < other ? -1 : 1;
}

interface MemberName {
  /** Encoded, with a comma before and the colon. */
  readonly start: string;
  readonly isSecret: boolean;
  /** Its last short text, and the member as it was written for that: most records say what the one before said. */
  value: string | null;
  text: string;
}

/** Characters of a text that is kept for the next record. */
const longestRemembered = 32;

/** Member names are few and come again and again; the bound is against names that somebody makes up. */
const names = new Map<string, MemberName>();

function named(name: string): MemberName {
  let known = names.get(name);
  if (known === undefined) {
    known = { start: `,${encodeString(name)}:`, isSecret: isSecretName(name, ":"), value: null, text: "" };
    if (names.size < 256) names.set(name, known);
  }
  return known;
}

function remembered(known: MemberName, value: string): string {
  const text = known.start + encodeText(known.isSecret, value);
  if (!known.isSecret && value.length <= longestRemembered) {
    known.value = value;
    known.text = text;
  }
  return text;
}

/** What follows the whole number of so many thousandths, where that was needed: `.05` for 50. */
const thousandths: string[] = [];

/** As `String` writes it. Times are most of the numbers, and writing a fraction in general is slow. */
function encodeNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  if (!Number.isFinite(value)) return "null";
  const whole = Math.floor(value);
  const count = Math.round((value - whole) * 1000);
  // Equal only where this is the shortest text that reads back as the value.
  if (value <= 0 || value >= 1e9 || whole + count / 1000 !== value) return String(value);
  thousandths[count] ??= String(count / 1000).slice(1);
  return whole + thousandths[count];
}

/** Short and without anything that JSON writes otherwise or by which a secret shows. */
const plain = /^[\w./]{0,15}$/;

function encodeString(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  const json = JSON.stringify(text);
  if (!/[^\x20-\x7e]/.test(json)) return json;
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
