import type { IncomingMessage } from "node:http";
import type { McpHttp, McpServer } from "../../../config/index.ts";
import { boundedFetch } from "../../http/bounded.ts";
import { serverFetch } from "../../http/server-fetch.ts";
import { headersOf } from "../../open.ts";
import type { AuthProviderOf } from "../../open.ts";
import type { McpSurroundings } from "../../surroundings.ts";

/** The server behind, as its entry says how it is reached: by the rules of the door, with what the entry sends along. */
export interface Upstream {
  /** Follows no redirect. Errors: `mcp_server`, `mcp_auth`, those of a connection. */
  send(method: string, headers: Headers, body: Buffer | null, signal: AbortSignal): Promise<Response>;
}

/** Errors: `mcp_auth` for a variable that is not set, those of `prepare`. */
export async function openUpstream(
  server: McpServer,
  transport: McpHttp,
  surroundings: McpSurroundings,
  authProvider: AuthProviderOf | null,
): Promise<Upstream> {
  // Its answers are bounded where they are relayed; those about a login, which a library reads, here.
  const { fetch } = await serverFetch(server, transport, surroundings);
  const loginFetch = boundedFetch(fetch, () => {});
  const own = new Headers(headersOf(server, transport, surroundings.environment));
  // A token that the entry names is the one to send.
  const provider = own.has("authorization") ? null : ((await authProvider?.(server, transport, loginFetch)) ?? null);
  const sendOnce = async (method: string, given: Headers, body: Buffer | null, signal: AbortSignal) => {
    const headers = new Headers(given);
    for (const [name, value] of own) headers.set(name, value);
    const token = await provider?.token();
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    return fetch(transport.url, { method, headers, signal, ...(body !== null && { body }) });
  };
  return {
    async send(method, headers, body, signal) {
      const response = await sendOnce(method, headers, body, signal);
      if (response.status !== 401 || provider?.onUnauthorized === undefined) return response;
      await response.body?.cancel();
      await provider.onUnauthorized({ response, serverUrl: new URL(transport.url), fetchFn: loginFetch });
      return sendOnce(method, headers, body, signal);
    },
  };
}

/** RFC 9110 section 7.6.1, and what is between this client and this gateway alone. */
const notPassed = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "host",
  "origin",
  "referer",
  "authorization",
  "content-length",
  "accept-encoding",
]);

/** A client's headers, as they go on. */
export function headersToUpstream(request: IncomingMessage, authorization: string | null): Headers {
  const named = new Set((request.headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const headers = new Headers();
  const { rawHeaders } = request;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    if (!notPassed.has(name) && !named.has(name)) headers.append(name, rawHeaders[at + 1] ?? "");
  }
  if (authorization !== null) headers.set("authorization", authorization);
  // What cannot be read cannot be decided on.
  headers.set("accept-encoding", "identity");
  return headers;
}

/** Hop by hop; what is said anew of the body; and `location`, `refresh` and `alt-svc`, which lead past the gateway. */
const notReturned = new Set(
  (
    "connection keep-alive proxy-authenticate proxy-connection te trailer transfer-encoding upgrade " +
    "content-length content-encoding location refresh alt-svc"
  ).split(" "),
);

/** An answer's headers, as its client gets them. Pages of the web get none that lets them read. */
export function headersToClient(headers: Headers): Record<string, string | string[]> {
  const named = new Set((headers.get("connection") ?? "").split(",").map((name) => name.trim().toLowerCase()));
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of headers) {
    if (notReturned.has(name) || named.has(name) || name.startsWith("access-control-")) continue;
    kept[name] = name === "set-cookie" ? headers.getSetCookie() : value;
  }
  return kept;
}
