import type { IncomingMessage } from "node:http";
import type { Target } from "../decide/gate.ts";
import type { DoorParts } from "../door/parts.ts";
import { refuse } from "../decide/refusal.ts";
import type { HttpArrival } from "./arrival.ts";
import type { HttpAnswer } from "./decide.ts";
import { readHead } from "./head.ts";

/** Reads what a CONNECT asks for; refuses what is ambiguous and who may not ask. */
export function readConnect(
  { parseTarget, secret }: DoorParts,
  request: IncomingMessage,
  arrival: HttpArrival,
): HttpAnswer<Target> {
  const head = readHead(request);
  if (typeof head === "string") return problem("bad_request", head);
  if (arrival.kind === "pinned") return problem("bad_request", "This connection leads to one server already.");
  if (secret !== null && !secret.isAuthorization(head.proxyAuthorization)) {
    return problem("credentials_missing", "This door wants the run's credentials.");
  }
  if (head.body !== "none") return problem("bad_request", "CONNECT has no body.");
  const target = parseTarget(request.url ?? "", 443);
  if (target === null) return problem("bad_host", "The host of the request is malformed.");
  const [line] = head.hosts;
  // Clients differ in whether they repeat the port here, and nobody gets to see this line.
  if (line !== undefined && parseTarget(line, target.port)?.host !== target.host) {
    return problem("host_mismatch", "Host and the address asked for differ.", target);
  }
  return { ok: true, value: target };
}

function problem(
  reason: "bad_request" | "bad_host" | "host_mismatch" | "credentials_missing",
  message: string,
  target: Target | null = null,
): HttpAnswer<Target> {
  return { ok: false, refusal: refuse("https", target, reason, message), fatal: true };
}
