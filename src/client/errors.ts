/** The stable name of what a session answered with. */
export type SessionErrorCode =
  /** There is nobody to talk to: the run has no grants, or this is no run. */
  | "no_channel"
  /** The connection ended before the answer; whether the call was carried out is not known. */
  | "disconnected"
  /** The other side said what this client cannot read. */
  | "protocol"
  | "unauthenticated"
  | "not_granted"
  | "expired"
  | "exhausted"
  | "revoked"
  | "approval_denied"
  | "timed_out"
  | "would_deadlock"
  | "too_large"
  | "nobody_to_ask"
  | "policy_denied"
  | "not_found"
  | "conflict"
  | "invalid_params"
  | "tool_failed"
  // Others may come with later versions of the tool.
  | (string & {});

/** A call that the session did not carry out. `details` holds the rule that decided and what would do. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  readonly code: SessionErrorCode;
  readonly hint: string | null;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: SessionErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
    this.hint = typeof details["hint"] === "string" ? details["hint"] : null;
  }
}

/** The error of a JSON-RPC answer. */
export function errorFrom(answer: object): SessionError {
  const { message, data } = { message: null, data: null, ...answer };
  const details: Readonly<Record<string, unknown>> = isObject(data) ? data : {};
  const code = typeof details["code"] === "string" ? details["code"] : "protocol";
  return new SessionError(code, typeof message === "string" ? message : code, details);
}

export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
