import { SessionError } from "../error.ts";
import type { SessionErrorCode } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";

export type RequestId = string | number;

/** JSON-RPC's own numbers; -32000 for all that are the channel's, which `data.code` tells apart. */
const numbers: Partial<Record<SessionErrorCode, number>> = {
  parse_error: -32_700,
  invalid_request: -32_600,
  method_not_found: -32_601,
  invalid_params: -32_602,
  failed: -32_603,
};

const statuses: Partial<Record<SessionErrorCode, number>> = {
  parse_error: 400,
  invalid_request: 400,
  invalid_params: 400,
  unauthenticated: 401,
  not_granted: 403,
  expired: 403,
  exhausted: 403,
  revoked: 403,
  approval_denied: 403,
  policy_denied: 403,
  method_not_found: 404,
  not_found: 404,
  conflict: 409,
  would_deadlock: 409,
  timed_out: 408,
  too_large: 413,
  rate_limited: 429,
  unsupported: 501,
  tool_failed: 502,
  cancelled: 503,
  overloaded: 503,
  nobody_to_ask: 503,
};

/** The status of an answer over HTTP. */
export function httpStatus({ code }: SessionError): number {
  return statuses[code] ?? 500;
}

/** What a caller is told of an error: the same object over lines and over HTTP. */
export function errorBody(error: SessionError): {
  readonly code: number;
  readonly message: string;
  readonly data: Json;
} {
  const { decision = null, rule, hint, capability, retryable = false, data } = error.detail;
  const option = decision?.suggestion?.argv.join(" ") ?? "";
  return {
    code: numbers[error.code] ?? -32_000,
    message: error.message,
    data: {
      ...data,
      code: error.code,
      rule: rule ?? decision?.rule?.text ?? null,
      from: placeOf(decision),
      capability: capability ?? null,
      hint: hint ?? (option === "" ? (decision?.suggestion?.config ?? null) : `start the run with ${option}`),
      retryable,
    },
  };
}

function placeOf(decision: SessionError["detail"]["decision"]): string | null {
  const provenance = decision?.provenance;
  if (provenance == null) return null;
  const { layer, file, line, owner } = provenance;
  return `${file === null ? layer : `${file}${line === null ? "" : `:${line}`}`}, ${owner}`;
}

/** In place of an answer for which there is no room. */
export function unread(): SessionError {
  return new SessionError("overloaded", "too many answers wait to be read", {
    rule: "what is answered has to be read",
    retryable: true,
  });
}

export function answerTooLarge(most: number): SessionError {
  const rule = `an answer may have ${most} bytes`;
  return new SessionError("too_large", rule, { rule });
}

export function requestTooLarge(most: number): SessionError {
  const rule = `a request may have ${most} bytes`;
  return new SessionError("too_large", rule, { rule });
}

/** One line of JSON-RPC without its end. */
export function resultText(id: RequestId, value: Json): string {
  return `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(value ?? null)}}`;
}

/** A line that answers nothing. */
export function progressText(params: JsonObject): string {
  return JSON.stringify({ jsonrpc: "2.0", method: "session.progress", params });
}

export function errorText(id: RequestId | null, error: SessionError): string {
  return JSON.stringify({ jsonrpc: "2.0", id, error: errorBody(error) });
}
