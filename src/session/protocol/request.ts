import { SessionError } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";
import type { RequestId } from "./answer.ts";

export interface Request {
  readonly id: RequestId;
  readonly method: string;
  readonly params: JsonObject;
}

const LONGEST_ID = 256;
const noParams: JsonObject = {};

/** The id that an answer can name, also where the rest of the request is no good. */
export function idOf(value: Json): RequestId | null {
  const id = isObject(value) ? value["id"] : null;
  if (typeof id === "string" && id.length <= LONGEST_ID) return id;
  return typeof id === "number" && Number.isSafeInteger(id) ? id : null;
}

/** Reads one request. Errors: `invalid_request`, `invalid_params`. */
export function readRequest(value: Json): Request {
  if (!isObject(value)) throw invalid("a request is an object");
  if (value["jsonrpc"] !== "2.0") throw invalid('"jsonrpc" is not "2.0"');
  const id = idOf(value);
  if (id === null) throw invalid("a request needs an id: a text of at most 256 characters or a whole number");
  const { method, params } = value;
  if (typeof method !== "string" || method.length > 100) throw invalid("the method is no name");
  for (const name of Object.keys(value)) {
    if (!["jsonrpc", "id", "method", "params"].includes(name))
      throw invalid(`a request has no ${JSON.stringify(name.slice(0, 100))}`);
  }
  if (params === undefined) return { id, method, params: noParams };
  if (!isObject(params)) throw new SessionError("invalid_params", "params is not an object");
  return { id, method, params };
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function invalid(why: string): SessionError {
  return new SessionError("invalid_request", why);
}
