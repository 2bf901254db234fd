import type { Answer, Passage } from "../decide/gate.ts";
import { credentialsFor, overridesIn, permit, readingsOf } from "../http/override.ts";
import type { DoorParts } from "../door/parts.ts";
import { refuse } from "../decide/refusal.ts";
import { findWay, type Way } from "../upstream/way.ts";
import type { FetchOptions, FetchRequest } from "./model.ts";

/** A request that may go out, with the way it goes and the credentials that policy lends it. */
export interface Decided {
  readonly passage: Passage;
  readonly way: Way;
  readonly headers: readonly string[];
}

export type FetchParts = Pick<
  DoorParts,
  "gate" | "limits" | "upstream" | "observe" | "traffic" | "passages" | "interception"
>;

/** Puts TLS to the target at the end of a way. */
export type Secure = (target: Passage["target"], way: Way) => Promise<Way>;

/** Asks the gate: name, then method and path, then addresses. */
export async function decideFetch(
  parts: FetchParts,
  request: FetchRequest,
  { before, signal }: FetchOptions,
  secure: Secure,
): Promise<Answer<Decided>> {
  const { gate, traffic, interception } = parts;
  const { url, method } = request;
  const { target, path } = url;
  const isSecure = url.scheme === "https";
  const admitted = await gate.admit(target, "fetch");
  if (!admitted.ok) return admitted;
  const readings = readingsOf(method, path, overridesIn(request.headers));
  if (readings === null) return refused(request, "bad_request", "The request has too many readings.");
  const permitted = permit(gate, admitted.value, readings);
  if (!permitted.ok) return permitted;
  const passage = permitted.value;
  if (!traffic.hasRoom()) return refused(request, "limit", "The run's limit of bytes is used up.");
  await before(request);
  signal.throwIfAborted();
  const found = await findWay(parts, passage, "fetch", isSecure ? "tunnel" : "http");
  signal.throwIfAborted();
  if (!found.ok) return found;
  const way = isSecure ? await secure(target, found.value) : found.value;
  // No proxy on the way gets to see what policy lends.
  const rules = interception === null || way.absolute !== null ? [] : credentialsFor(gate, passage, readings, isSecure);
  const headers = interception?.vault.withCredentials(request.headers, rules) ?? request.headers;
  return { ok: true, value: { passage, way, headers } };
}

export function refused(
  { url: { target } }: FetchRequest,
  reason: Parameters<typeof refuse>[2],
  message: string,
): Answer<never> {
  return { ok: false, refusal: refuse("fetch", target, reason, message) };
}
