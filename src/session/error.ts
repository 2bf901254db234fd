import type { Decision } from "../policy/index.ts";
import type { Json } from "./json.ts";

/** Why a call was not carried out; part of the protocol, listed in docs/session.md. */
export type SessionErrorCode =
  /** JSON-RPC's own. */
  | "parse_error"
  | "invalid_request"
  | "method_not_found"
  | "invalid_params"
  /** Of tokens and capabilities. */
  | "unauthenticated"
  | "not_granted"
  | "expired"
  | "exhausted"
  | "rate_limited"
  | "revoked"
  | "cancelled"
  | "approval_denied"
  | "timed_out"
  | "nobody_to_ask"
  | "would_deadlock"
  | "too_deep"
  /** Of what a call is about. */
  | "policy_denied"
  | "not_found"
  | "conflict"
  | "unsupported"
  | "too_large"
  | "overloaded"
  | "tool_failed"
  | "failed";

export interface SessionErrorDetail {
  /** Which rule refused, in words. */
  readonly rule?: string | null;
  /** The narrowest capability that would do, as `--grant` takes it. */
  readonly capability?: string | null;
  readonly hint?: string | null;
  /** Where the policy refused: becomes rule, place and suggestion. */
  readonly decision?: Decision | null;
  /** Whether the same call may succeed later without anybody granting more. */
  readonly retryable?: boolean;
  readonly data?: { readonly [name: string]: Json };
  readonly cause?: unknown;
}

const brand = Symbol.for("sandboxed-run.session-error");

/** A call's refusal or failure, as its caller is told. The message never holds what the caller may not know. */
export class SessionError extends Error {
  readonly [brand] = true;
  readonly code: SessionErrorCode;
  readonly detail: SessionErrorDetail;

  constructor(code: SessionErrorCode, message: string, detail: SessionErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "SessionError";
    this.code = code;
    this.detail = detail;
  }

  /** The built commands come in several files that each hold this class. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && brand in value;
  }
}
