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
  if (typeof value === "string") return encodeString(hide(name, value));
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (typeof value === "boolean") return String(value);
  if (typeof value !== "object") return encodeString(`[${typeof value}]`);
  if (depth >= deepest) return encodeString("[too deep]");
  if (Array.isArray(value)) return `[${encodeList(value, name, depth).join(",")}]`;
  return `{${members(value, depth)}}`;
}

function encodeList(list: readonly unknown[], name: string, depth: number): readonly string[] {
  if (!list.every((item) => typeof item === "string")) return list.map((item) => encode(item, name, depth + 1));
  // Other lists of words (`--read` and its path) are read like a command line too: a flag names what follows.
  return redactArgv(list).map((item) => encodeString(hide(name, item)));
}

function members(value: object, depth: number): string {
  const parts: string[] = [];
  for (const [name, member] of Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))) {
    if (member !== undefined) parts.push(`${encodeString(name)}:${encode(member, name, depth + 1)}`);
  }
  return parts.join(",");
}

function hide(name: string, value: string): string {
  return name !== "" && namesSecret(name) ? redacted : redactText(value);
}

/** Member names are few and come again and again; the bound is against names that somebody makes up. */
const judged = new Map<string, boolean>();

function namesSecret(name: string): boolean {
  let secret = judged.get(name);
  if (secret === undefined) {
    secret = isSecretName(name, ":");
    if (judged.size < 256) judged.set(name, secret);
  }
  return secret;
}

function encodeString(text: string): string {
  const json = JSON.stringify(text);
  if (!/[^\x20-\x7e]/.test(json)) return json;
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
