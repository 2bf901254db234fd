import { isUtf8 } from "node:buffer";
import { SessionError } from "../error.ts";
import type { Json } from "../json.ts";
import { JsonTextError, parseJsonText } from "../json-text.ts";

/** Reads bytes as UTF-8 and JSON that means one thing, and nothing else. Errors: `parse_error`. */
export function parseStrict(bytes: Buffer): Json {
  if (!isUtf8(bytes)) throw malformed("it is not UTF-8");
  try {
    return parseJsonText(bytes.toString("utf8"));
  } catch (error) {
    if (error instanceof JsonTextError) throw malformed(error.message);
    throw error;
  }
}

function malformed(why: string): SessionError {
  return new SessionError("parse_error", `the request cannot be read: ${why}`);
}
