import { METHODS, validateHeaderName, validateHeaderValue } from "node:http";
import { parseFetchUrl } from "../../network/index.ts";
import type { FetchRequest } from "../../network/index.ts";
import { SessionError } from "../error.ts";
import type { JsonObject } from "../json.ts";
import { Params } from "../params.ts";

const MOST_BODY = 16 * 1024 * 1024;
const USUAL_BYTES = 1024 * 1024;
const LONGEST_URL = 64 * 1024;
const MOST_HEADERS = 64 * 1024;
const USUAL_TIME = 30_000;
const LONGEST_TIME = 10 * 60_000;

/** TRACE sends back what policy lends, CONNECT is no request. */
const methods = new Set(METHODS.filter((method) => method !== "CONNECT" && method !== "TRACE"));

/** Framing, routing, and what belongs to one connection alone: the session's. */
const own =
  /^(?:host|content-length|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|http2-settings)$/i;

export interface FetchParams {
  readonly request: FetchRequest;
  readonly mostBytes: number;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Errors: `invalid_params`. */
export function fetchParams(params: JsonObject): FetchParams {
  const names = ["url", "method", "headers", "body", "encoding", "max_bytes", "timeout"];
  const given = new Params("session.fetch", params, names);
  const url = parseFetchUrl(given.text("url", LONGEST_URL));
  if (url === null) {
    throw invalid("url is no address of http or https in a form that is accepted", "for example https://example.com/x");
  }
  const method = (given.optionalText("method", 20) ?? "GET").toUpperCase();
  if (!methods.has(method)) throw invalid("method is none that can be fetched with", "for example GET or POST");
  return {
    request: { url, method, headers: headersIn(given), body: bodyIn(given) },
    mostBytes: given.count("max_bytes", MOST_BODY) ?? USUAL_BYTES,
    timeout: Math.min(given.seconds("timeout") ?? USUAL_TIME, LONGEST_TIME),
  };
}

/** Name and value in turn; compression is left to servers that do not ask. */
function headersIn(given: Params): readonly string[] {
  const headers: string[] = [];
  const seen = new Set<string>();
  let size = 0;
  for (const [name, value] of Object.entries(given.object("headers"))) {
    if (typeof value !== "string") throw invalid("headers holds something else than texts");
    size += name.length + value.length;
    if (size > MOST_HEADERS) throw invalid(`headers has more than ${MOST_HEADERS} characters`);
    if (own.test(name)) throw invalid(`the header ${JSON.stringify(name)} is the session's own to write`);
    if (!isHeader(name, value)) throw invalid(`${JSON.stringify(name.slice(0, 100))} is no header, or its value none`);
    if (seen.has(name.toLowerCase())) throw invalid(`the header ${JSON.stringify(name)} stands there twice`);
    seen.add(name.toLowerCase());
    headers.push(name, value);
  }
  return seen.has("accept-encoding") ? headers : [...headers, "Accept-Encoding", "identity"];
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

function bodyIn(given: Params): Buffer | null {
  const text = given.optionalText("body", MOST_BODY);
  const encoding = given.optionalText("encoding", 20) ?? "utf-8";
  if (encoding !== "utf-8" && encoding !== "base64") throw invalid('encoding is neither "utf-8" nor "base64"');
  if (text === null) return null;
  if (encoding === "base64") {
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw invalid("body is no base64");
    return Buffer.from(text, "base64");
  }
  if (/\p{Surrogate}/u.test(text)) throw invalid("body holds half a character", 'send bytes with encoding "base64"');
  return Buffer.from(text);
}

function invalid(why: string, hint: string | null = null): SessionError {
  return new SessionError("invalid_params", `session.fetch: ${why}`, { hint });
}
