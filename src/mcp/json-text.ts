/** Deeper than any message needs, shallower than what parsers and schemas choke on. */
const DEEPEST = 64;

/** Text that is no JSON, or JSON that two readers could understand differently. */
export class JsonTextError extends Error {}

/**
 * The value of a JSON text that means one thing to every reader: no member twice, no deep nesting. What is decided on is
 * then what the other side acts on. Errors: `JsonTextError`.
 */
export function parseJsonText(text: string): unknown {
  checkStructure(text);
  try {
    return JSON.parse(text);
  } catch {
    throw new JsonTextError("it is not JSON");
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COLON = 0x3a;

/** Follows the nesting of a text, whether or not it is JSON otherwise. */
function checkStructure(text: string): void {
  /** Keys of the objects that are open; null for an array. */
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfString(text, at);
      const keys = open.at(-1) ?? null;
      if (keys !== null && nextAfter(text, end + 1) === COLON) addKey(keys, text.slice(at, end + 1));
      at = end;
    } else if (code === OPEN_OBJECT || code === OPEN_ARRAY) {
      open.push(code === OPEN_OBJECT ? new Set() : null);
      if (open.length > DEEPEST) throw new JsonTextError(`it is nested deeper than ${DEEPEST}`);
    } else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) open.pop();
  }
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at++;
    else if (code === QUOTE) return at;
  }
  throw new JsonTextError("it is not JSON");
}

function nextAfter(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === 0x20 || (text.charCodeAt(at) >= 0x09 && text.charCodeAt(at) <= 0x0d)) at++;
  return text.charCodeAt(at);
}

function addKey(keys: Set<string>, written: string): void {
  const key = written.includes("\\") ? unescaped(written) : written.slice(1, -1);
  if (keys.has(key)) throw new JsonTextError(`it has the member ${JSON.stringify(key.slice(0, 64))} twice`);
  keys.add(key);
}

function unescaped(written: string): string {
  try {
    return String(JSON.parse(written));
  } catch {
    throw new JsonTextError("it is not JSON");
  }
}
