import { isUtf8 } from "node:buffer";
import { SessionError } from "../error.ts";
import type { Json } from "../json.ts";

/** Deeper values are refused: nothing that is meant is nested so. */
const DEEPEST = 64;

/**
 * Reads JSON as it is written and nothing else: UTF-8, no name twice in an object (two readers would see two values),
 * no more than 64 levels. Errors: `parse_error`.
 */
export function parseStrict(bytes: Buffer): Json {
  if (!isUtf8(bytes)) throw malformed("it is not UTF-8");
  const text = bytes.toString("utf8");
  let value: Json;
  checkShape(text);
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("it is not JSON");
  }
  return value;
}

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
        if (open.length >= DEEPEST) throw malformed(`it is nested more than ${DEEPEST} levels deep`);
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
      throw malformed("it is not JSON");
    }
  }
  if (names.has(name)) throw malformed(`the name ${JSON.stringify(name.slice(0, 100))} stands twice in an object`);
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

function malformed(why: string): SessionError {
  return new SessionError("parse_error", `the request cannot be read: ${why}`);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
