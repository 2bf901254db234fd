import { didYouMean, escapeText, parseDuration, parseSize } from "../../policy/index.ts";
import type { Json } from "../json.ts";
import { checkCapability, invalidCapability } from "./check.ts";
import type { Capability } from "./kinds.ts";
import { kindOf, parseCapability, readApproval, readCount, readRate } from "./text.ts";

const members = ["kind", "scope", "calls", "rate", "expires_in", "approval", "bytes"];

/** Reads a capability off the channel: an object, or the text that `--grant` takes. Errors: `policy_invalid`. */
export function readCapability(value: Json): Capability {
  if (typeof value === "string") return parseCapability(value);
  const text = JSON.stringify(value).slice(0, 200);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw invalidCapability(text, "it is neither an object nor a text");
  }
  const given = new Map<string, Json>(Object.entries(value));
  for (const name of given.keys()) {
    if (members.includes(name)) continue;
    throw invalidCapability(text, `there is no member ${escapeText(name)}${didYouMean(name, members)}`);
  }
  const count = given.get("calls");
  const expires = given.get("expires_in");
  const bytes = given.get("bytes");
  return checkCapability(
    {
      kind: kindOf(word(given, "kind", text) ?? "", text),
      scope: words(given.get("scope"), text),
      calls: count === undefined || count === null ? null : readCount(String(amount(count, "calls", text)), text),
      rate: readRate(word(given, "rate", text), text),
      expiresIn: expires === undefined || expires === null ? null : parseDuration(amount(expires, "expires_in", text)),
      approval: readApproval(word(given, "approval", text) ?? "never", text),
      bytes: bytes === undefined || bytes === null ? null : parseSize(amount(bytes, "bytes", text)),
    },
    text,
  );
}

function word(given: ReadonlyMap<string, Json>, name: string, text: string): string | undefined {
  const value = given.get(name);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") return value;
  throw invalidCapability(text, `${name} is no text`);
}

function words(value: Json | undefined, text: string): readonly string[] {
  if (value === undefined || value === null) return [];
  const list: readonly Json[] = Array.isArray(value) ? value : [value];
  return list.map((each) => {
    if (typeof each === "string") return each;
    throw invalidCapability(text, "scope holds something else than texts");
  });
}

function amount(value: Json, name: string, text: string): string | number {
  if (typeof value === "string" || typeof value === "number") return value;
  throw invalidCapability(text, `${name} is neither a number nor a text`);
}
