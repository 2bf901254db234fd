import { parseAbsoluteTarget } from "../names/authority.ts";
import type { FetchRequest, FetchTarget } from "./model.ts";
import type { Received } from "./exchange.ts";

const statuses = new Set([301, 302, 303, 307, 308]);

/** What another server may be told that the program wrote for the first one: nothing that could be a credential. */
const harmless = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "content-encoding",
  "content-language",
  "content-type",
  "range",
  "user-agent",
]);

/** An address of http or https in the door's own grammar, its fragment left out; null for what is none. */
export function parseFetchUrl(text: string): FetchTarget | null {
  const [whole = ""] = text.split("#", 1);
  const parsed = parseAbsoluteTarget(whole);
  if (!parsed.ok) return null;
  const { scheme, target, path } = parsed.value;
  return scheme === "http" || scheme === "https" ? { scheme, target, path } : null;
}

/** The request that a redirect asks for; null where the answer is none, and the sentence that says why not. */
export function redirected(request: FetchRequest, { status, headers }: Received): FetchRequest | string | null {
  if (!statuses.has(status)) return null;
  const location = valueOf(headers, "location");
  if (location === null) return null;
  const { url: before, method } = request;
  // Node hands over the bytes of a header as letters of Latin-1.
  const url = resolved(before, Buffer.from(location, "latin1").toString());
  if (url === null) return "The server redirects to an address in a form that is not accepted.";
  // Whoever asked inside of TLS did not ask for less.
  if (before.scheme === "https" && url.scheme === "http") return "The server redirects from https to http.";
  const isSame =
    url.scheme === before.scheme && url.target.host === before.target.host && url.target.port === before.target.port;
  const becomesGet = status === 303 ? method !== "HEAD" : status < 303 && method === "POST";
  const dropped = (name: string): boolean =>
    (!isSame && !harmless.has(name)) || (becomesGet && name.startsWith("content-"));
  return {
    url,
    method: becomesGet ? "GET" : method,
    headers: request.headers.filter((_, at) => !dropped((request.headers[at - (at % 2)] ?? "").toLowerCase())),
    body: becomesGet ? null : request.body,
  };
}

/** Whatever node's reader of URLs makes of it has to pass the strict one afterwards, and is decided in that form. */
function resolved({ scheme, target, path }: FetchTarget, location: string): FetchTarget | null {
  const host = target.host.includes(":") ? `[${target.host}]` : target.host;
  const base = `${scheme}://${host}:${target.port}${path}`;
  return URL.canParse(location, base) ? parseFetchUrl(new URL(location, base).href) : null;
}

function valueOf(headers: readonly string[], name: string): string | null {
  const at = headers.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name);
  return at === -1 ? null : (headers[at + 1] ?? null);
}
