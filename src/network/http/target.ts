import type { IncomingMessage } from "node:http";
import type { DoorReason, Target } from "../decide/gate.ts";
import type { ParseTarget } from "../door/parts.ts";
import { authorityOf } from "../decide/refusal.ts";
import { isSecure, type HttpArrival } from "./arrival.ts";
import type { RequestHead } from "./head.ts";

/** Where a request goes: `path` as the server gets it, `hostLine` the `Host` it gets. */
export interface RequestTarget {
  readonly target: Target;
  readonly path: string;
  readonly hostLine: string;
}

export interface TargetProblem {
  readonly reason: DoorReason;
  readonly message: string;
  readonly target: Target | null;
}

/** Reads the target of a request and holds `Host` against it. */
export function readTarget(
  { url = "", method, httpVersion }: IncomingMessage,
  { hosts }: RequestHead,
  arrival: HttpArrival,
  parse: ParseTarget,
): RequestTarget | TargetProblem {
  // Inside of TLS the form of a whole address would be one of plain HTTP, and belongs to no request.
  const absolute = isSecure(arrival) ? null : splitAbsolute(url);
  const defaultPort = isSecure(arrival) ? 443 : 80;
  const asked = absolute === null ? null : parse(absolute.authority, 80);
  const target = arrival.kind === "pinned" ? arrival.target : asked;
  if (absolute !== null && asked === null) return problem("bad_host", "The host of the request is malformed.");
  if (target === null) return problem("bad_request", "A proxy takes requests for whole http:// addresses.");
  if (asked !== null && !isSame(asked, target)) return mismatch(target);

  const path = absolute === null ? url : absolute.path === "" && method === "OPTIONS" ? "*" : rooted(absolute.path);
  if (!/^\/|^\*$/.test(path) || path.includes("#") || (path === "*" && method !== "OPTIONS")) {
    return problem("bad_request", "The path of the request is malformed.", target);
  }
  const [line] = hosts;
  if (line === undefined) {
    if (httpVersion === "1.1" || absolute === null) return problem("bad_request", "Host is missing.", target);
    return { target, path, hostLine: authorityOf(target, defaultPort) };
  }
  const host = parse(line, defaultPort);
  if (host === null) return problem("bad_host", "Host is malformed.", target);
  // Who connects to a literal address may call it by a name; who asks for a name gets that name alone.
  const isRenamed = arrival.kind === "pinned" && target.isAddress && absolute === null && !isSecure(arrival);
  if (isRenamed) return { target, path, hostLine: line };
  return isSame(host, target) ? { target, path, hostLine: authorityOf(target, defaultPort) } : mismatch(target);
}

/** `http://authority` and the rest, which may be empty; null for any other form. */
function splitAbsolute(url: string): { readonly authority: string; readonly path: string } | null {
  const [, authority, path] = /^http:\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  return authority === undefined || path === undefined ? null : { authority, path };
}

function rooted(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function isSame(one: Target, other: Target): boolean {
  return one.host === other.host && one.port === other.port;
}

function problem(reason: DoorReason, message: string, target: Target | null = null): TargetProblem {
  return { reason, message, target };
}

function mismatch(target: Target): TargetProblem {
  return problem("host_mismatch", `Host and the address asked for, ${authorityOf(target)}, differ.`, target);
}
