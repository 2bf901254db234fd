import type { IncomingMessage } from "node:http";
import { overrideOf, type Override } from "./override.ts";

/** A request's head, read in one pass. `headers` are name and value in turn, without `Host` and what ends at each hop. */
export interface RequestHead {
  readonly headers: readonly string[];
  readonly hosts: readonly string[];
  readonly body: "none" | "sized" | "chunked";
  readonly upgrade: string | null;
  readonly expectsContinue: boolean;
  readonly proxyAuthorization: string | null;
  /** What asks the server to take the request for another one; they are sent on. */
  readonly overrides: readonly Override[];
}

/** What belongs to one connection alone (RFC 9110, section 7.6.1), and credentials for the door. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authorization",
  "proxy-authenticate",
  "proxy-authentication-info",
  "te",
  // Only announces what follows a chunked body, and node takes it for an error elsewhere.
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** Framing and routing, which no `Connection` line can declare to be a matter of one hop. */
const untouchable = new Set(["host", "content-length", "expect", "authorization", "cookie"]);

/** What else says how a message is to be read, by whom and for whom: after it was decided, too late (RFC 9110, 6.5.1). */
const decisive = new Set(["set-cookie", "content-type", "content-encoding", "content-range", "range", "location"]);

/** Reads a head the parser let pass, or says in a sentence what about it is ambiguous. */
export function readHead({ rawHeaders, httpVersion }: IncomingMessage): RequestHead | string {
  if (httpVersion !== "1.1" && httpVersion !== "1.0") return `HTTP/${httpVersion} is not spoken here.`;
  const headers: string[] = [];
  const hosts: string[] = [];
  const named = new Set<string>();
  let lengths = 0;
  let length = "";
  let encodings = 0;
  let upgrade: string | null = null;
  let expectsContinue = false;
  let proxyAuthorization: string | null = null;
  const overrides: Override[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const value = rawHeaders[index + 1] ?? "";
    const lower = name.toLowerCase();
    switch (lower) {
      case "host":
        hosts.push(value);
        continue;
      case "content-length":
        lengths += 1;
        length = value;
        break;
      case "transfer-encoding":
        encodings += 1;
        if (value.toLowerCase() !== "chunked") return "No transfer encoding but chunked is taken.";
        break;
      case "connection":
        addNames(value, named);
        break;
      case "upgrade":
        upgrade = value.toLowerCase();
        break;
      case "expect":
        if (value.toLowerCase() !== "100-continue") return "Nothing but 100-continue can be expected.";
        expectsContinue = true;
        break;
      case "proxy-authorization":
        proxyAuthorization = value;
        break;
      default: {
        const override = overrideOf(lower, value);
        if (override !== null) overrides.push(override);
      }
    }
    if (!hopByHop.has(lower)) headers.push(name, value);
  }
  if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) {
    return "The length of the body is stated more than once.";
  }
  if (encodings > 0 && httpVersion === "1.0") return "HTTP/1.0 has no chunked bodies.";
  if (hosts.length > 1) return "Host stands there more than once.";
  if ([...untouchable].some((name) => named.has(name)))
    return "Connection names a header that is not the connection's.";
  return {
    headers: withoutNamed(headers, named),
    hosts,
    body: encodings > 0 ? "chunked" : lengths > 0 && !/^0+$/.test(length) ? "sized" : "none",
    upgrade: named.has("upgrade") ? upgrade : null,
    expectsContinue,
    proxyAuthorization,
    overrides,
  };
}

/** Headers of an answer, name and value in turn, without what ends at this hop. Null when its body is encoded for the hop. */
export function answerHeaders(rawHeaders: readonly string[]): string[] | null {
  const headers: string[] = [];
  const named = new Set<string>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const value = rawHeaders[index + 1] ?? "";
    const lower = name.toLowerCase();
    if (lower === "connection") addNames(value, named);
    else if (lower === "transfer-encoding" && value.toLowerCase() !== "chunked") return null;
    if (!hopByHop.has(lower)) headers.push(name, value);
  }
  for (const name of untouchable) named.delete(name);
  return withoutNamed(headers, named);
}

/** Trailers, name and value in turn, without what some reader would put in the place of the head's. */
export function trailersOf(raw: readonly string[]): string[] {
  return raw.filter((_, index) => {
    const name = (raw[index - (index % 2)] ?? "").toLowerCase();
    return !hopByHop.has(name) && !untouchable.has(name) && !decisive.has(name) && overrideOf(name, "") === null;
  });
}

/** The names in a `Connection` line. Without a pattern: one that takes the space before a comma goes through it n² times. */
function addNames(value: string, named: Set<string>): void {
  for (const name of value.toLowerCase().split(",")) named.add(name.trim());
}

function withoutNamed(headers: string[], named: ReadonlySet<string>): string[] {
  if ([...named].every((name) => name === "keep-alive" || name === "close" || name === "upgrade")) return headers;
  return headers.filter((_, index) => !named.has((headers[index - (index % 2)] ?? "").toLowerCase()));
}
