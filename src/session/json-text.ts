import type { Json } from "./json.ts";

/** Deeper values are refused: nothing that is meant is nested so. */
const DEEPEST = 64;

/** Text that is no JSON, or JSON that two readers could understand differently; the message says why. */
export class JsonTextError extends Error {}

/**
 * The value of a JSON text that means one thing to every reader: no name twice in an object, no more than 64 levels. What
 * is decided on is then what others act on. Errors: `JsonTextError`.
 */
export function parseJsonText(text: string): Json {
  checkShape(text);
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch {
    throw new JsonTextError("it is not JSON");
  }
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;

/** One pass over the text, which need not be JSON at all: what it lets through wrongly the real parser refuses. */
function checkShape(text: string): void {
  /** For each open bracket the names so far; null for an array. */
  const open: (Set<string> | null)[] = [];
  let isName = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at + 1);
        const names = open.at(-1);
        if (isName && names != null) addName(names, text.slice(at, end + 1));
        isName = false;
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        const isObject = text.charCodeAt(at) === OPEN_OBJECT;
        if (open.length >= DEEPEST) throw new JsonTextError(`it is nested deeper than ${DEEPEST} levels`);
        open.push(isObject ? new Set() : null);
        isName = isObject;
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        open.pop();
        isName = false;
        break;
      case COMMA:
        isName = open.at(-1) != null;
        break;
      default:
    }
  }
}

/** `quoted` with its quotes. Two spellings of one name are one name. */
function addName(names: Set<string>, quoted: string): void {
  let name = quoted.slice(1, -1);
  if (name.includes("\\")) {
    try {
      name = String(JSON.parse(quoted));
    } catch {
      throw new JsonTextError("it is not JSON");
    }
  }
  if (names.has(name))
    throw new JsonTextError(`the name ${JSON.stringify(name.slice(0, 100))} stands twice in an object`);
  names.add(name);
}

/** Where the string that starts at `from` has its closing quote; the end of the text if it has none. */
function endOfString(text: string, from: number): number {
  let quote = text.indexOf('"', from);
  while (quote >= 0) {
    let back = quote - 1;
    while (back >= from && text.charCodeAt(back) === BACKSLASH) back -= 1;
    if ((quote - back) % 2 === 1) return quote;
    quote = text.indexOf('"', quote + 1);
  }
  return text.length;
}
