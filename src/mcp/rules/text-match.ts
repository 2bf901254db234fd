import type { TextMatcher } from "../../policy/index.ts";

/** A prefix with a `/` in it names a folder or an address: nothing that leaves it again matches. */
export function matchesText(matcher: TextMatcher, text: string): boolean {
  if (matcher.match === "regex") return wholeMatch(matcher.expression, text);
  return matcher.match === "exact" ? text === matcher.value : startsBelow(matcher.value, text);
}

export function startsBelow(prefix: string, text: string): boolean {
  return text.startsWith(prefix) && !(prefix.includes("/") && climbs(text));
}

/** Paths and addresses alike, also where somebody decodes them once more. */
export function climbs(text: string): boolean {
  return /(?:^|[/\\=:])(?:\.|%2e){2}(?:[/\\?#]|%2f|%5c|$)|%(?:2f|5c)(?:\.|%2e){2}|\0/i.test(text);
}

/** Longer text is nothing a rule was written for, and patterns take long on it. */
const LONGEST_TEXT = 4096;

export function wholeMatch(expression: string, text: string): boolean {
  if (text.length > LONGEST_TEXT) return false;
  try {
    return new RegExp(`^(?:${expression})$`, "us").test(text);
  } catch {
    return false; // an expression that is none matches nothing
  }
}
