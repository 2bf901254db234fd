import type { IncomingMessage } from "node:http";
import type { Refusal } from "../decide/gate.ts";
import type { DoorParts } from "../door/parts.ts";
import { refuse } from "../decide/refusal.ts";
import { findWay } from "../upstream/way.ts";
import { isSecure, type HttpArrival } from "./arrival.ts";
import type { Exchange } from "./forward.ts";
import { readHead, type RequestHead } from "./head.ts";
import { credentialsFor, permit, readingsOf, type Reading } from "./override.ts";
import { readTarget, type RequestTarget } from "./target.ts";

/** `fatal`: nothing that follows on this connection can be trusted. */
export type HttpAnswer<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal; readonly fatal: boolean };

export interface ReadRequest {
  readonly head: RequestHead;
  readonly asked: RequestTarget;
}

/** Reads what a request asks for; refuses what is ambiguous and who may not ask. */
export function readRequest(
  { parseTarget, secret }: DoorParts,
  request: IncomingMessage,
  arrival: HttpArrival,
): HttpAnswer<ReadRequest> {
  const { protocol } = arrival;
  const head = readHead(request);
  if (typeof head === "string") return fatal(refuse(protocol, pinned(arrival), "bad_request", head));
  if (arrival.kind === "proxy" && secret !== null && !secret.isAuthorization(head.proxyAuthorization)) {
    return fatal(refuse(protocol, null, "credentials_missing", "This door wants the run's credentials."));
  }
  const asked = readTarget(request, head, arrival, parseTarget);
  if ("reason" in asked) return fatal(refuse(protocol, asked.target, asked.reason, asked.message));
  return { ok: true, value: { head, asked } };
}

/** Asks the gate: name, then method and path, then addresses. */
export async function decideRequest(
  parts: DoorParts,
  { head, asked }: ReadRequest,
  method: string,
  arrival: HttpArrival,
): Promise<HttpAnswer<Exchange>> {
  const { gate, traffic, interception, limits } = parts;
  const { protocol } = arrival;
  const secure = isSecure(arrival) ? interception : null;
  const admitted = await gate.admit(asked.target, protocol);
  if (!admitted.ok) return { ...admitted, fatal: false };
  const readings = readingsOf(method, asked.path, head.overrides);
  if (readings === null)
    return fatal(refuse(protocol, asked.target, "bad_request", "The request has too many readings."));
  const permitted = permit(gate, admitted.value, readings);
  if (!permitted.ok) return { ...permitted, fatal: false };
  const passage = permitted.value;
  if (!traffic.hasRoom()) {
    return fatal(refuse(protocol, asked.target, "limit", "The run's limit of bytes is used up.", 429));
  }
  const way = await findWay(parts, passage, protocol, secure === null ? "http" : "tunnel");
  if (!way.ok) return { ...way, fatal: false };
  if (!gate.stillAllowed(passage)) {
    return fatal(refuse(protocol, asked.target, "draining", "The policy changed while this was asked."));
  }
  const reached = secure === null ? way.value : secure.wayTo(asked.target, way.value, limits.connectTime);
  const exchange = { passage, protocol, way: reached, head, asked };
  return { ok: true, value: addCredentials(parts, exchange, readings, secure !== null) };
}

/** Sets the headers that the policy of this moment binds to the request. */
function addCredentials(
  { gate, interception }: DoorParts,
  exchange: Exchange,
  readings: readonly Reading[],
  isInTls: boolean,
): Exchange {
  const { passage, way, head } = exchange;
  // No proxy on the way gets to see any of this.
  if (interception === null || way.absolute !== null) return exchange;
  const rules = credentialsFor(gate, passage, readings, isInTls);
  if (rules.length === 0) return exchange;
  // A server may take a connection for that of whoever first said who they are on it.
  const key = `${way.key} with ${rules.map(({ name }) => name).join(" ")}`;
  const headers = interception.vault.withCredentials(head.headers, rules);
  return { ...exchange, way: { ...way, key }, head: { ...head, headers } };
}

function pinned(arrival: HttpArrival): RequestTarget["target"] | null {
  return arrival.kind === "pinned" ? arrival.target : null;
}

function fatal(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal; readonly fatal: true } {
  return { ok: false, refusal, fatal: true };
}
