import type { IncomingMessage } from "node:http";
import { Secret } from "../../../network/index.ts";
import { code } from "../messages.ts";
import { Refused } from "./refused.ts";

export interface Admitted {
  /** The client's own for the server behind; null where it has none, or gave the gateway's token in its place. */
  readonly authorization: string | null;
}

/** By these names a client on this machine may have asked for the gateway, also through a tunnel to another port. */
const ownNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Readers differ on which of two counts. */
const single = /^(?:host|origin|authorization|content-type|content-encoding|last-event-id|mcp-.*)$/;

/**
 * Whether somebody may ask the gateway anything: a program on this machine that knows the token. A page of the web that
 * made its own name lead here sends that name as `Host`, and its `Origin`. Errors: `Refused`.
 */
export function admit(request: IncomingMessage, listensOn: string, token: string): Admitted {
  const refuse = (status: number, message: string, headers = {}): Refused =>
    new Refused(status, code.invalidRequest, message, { headers: { ...headers, connection: "close" } });
  const { headers } = request;
  const names = request.rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [name.toLowerCase()] : []));
  const twice = names.find((name, index) => single.test(name) && names.indexOf(name) !== index);
  if (twice !== undefined) throw refuse(400, `the header ${twice} stands twice`);

  const host = headers.host ?? "";
  const name = host.replace(/:\d{1,5}$/, "").toLowerCase();
  if (!ownNames.has(name) && name !== listensOn) throw refuse(403, "this gateway answers under no such name");
  if (headers.origin !== undefined && headers.origin !== `http://${host}`) {
    throw refuse(403, "this gateway answers no page of the web");
  }

  const { pathname, inPath } = placeOf(request.url ?? "");
  const { authorization = null } = headers;
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1] ?? null;
  const secret = new Secret(token);
  const isToken = (given: string | null): boolean => given !== null && secret.isPassword(Buffer.from(given));
  const isBearer = isToken(bearer);
  if (!isBearer && !isToken(inPath)) {
    const shown = "the gateway's token is missing or wrong; sandboxed mcp gateway --help says where it goes";
    throw refuse(401, shown, { "www-authenticate": 'Bearer realm="sandboxed mcp gateway"' });
  }
  if (pathname !== "/mcp") throw refuse(404, "there is nothing but /mcp here");
  return { authorization: isBearer ? null : authorization };
}

/** `/mcp`, or `/TOKEN/mcp` for clients whose configuration has room for nothing but an address. */
function placeOf(target: string): { readonly pathname: string; readonly inPath: string | null } {
  const [, inPath] = /^\/([A-Za-z0-9_-]+)\/mcp$/.exec(target) ?? [];
  return inPath === undefined ? { pathname: target, inPath: null } : { pathname: "/mcp", inPath };
}
