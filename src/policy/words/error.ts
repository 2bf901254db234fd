import type { Denial } from "../model/decision.ts";

/** Every code a user can meet; `docs/errors.md` has a line for each. */
export type ErrorCode =
  | "usage"
  | "config_parse"
  | "config_schema"
  | "config_permissions"
  | "requirements_parse"
  | "requirements_schema"
  | "requirements_permissions"
  | "requirements_signature"
  | "requirements_expired"
  | "requirements_rollback"
  | "requirements_fetch"
  | "requirements_conflict"
  | "policy_invalid"
  | "policy_unenforceable"
  | "policy_test_failed"
  | "ceiling_exceeded"
  | "program_not_found"
  | "program_not_executable"
  | "backend_missing"
  | "backend_refused"
  | "setup_failed"
  | "workspace_unsafe"
  | "tool_unsafe"
  | "journal_unwritable"
  | "journal_broken"
  | "session_not_open"
  | "session_refused"
  | "mcp_server"
  | "mcp_disabled"
  | "mcp_tool"
  | "mcp_auth"
  | "not_supported"
  | "internal";

export interface ErrorDetail {
  /** What to do about it, one sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
  readonly denial?: Denial;
  /** Of the HTTP answer that was no use. */
  readonly statusCode?: number;
}

const brand = Symbol.for("sandboxed-run.error");

/**
 * The only error a user is shown: what, which path or host, from which line of which file, what to do. The built
 * commands come in several files that each hold this class, and know each other's errors by the brand.
 */
export class SandboxedError extends Error {
  readonly [brand] = true;
  readonly code: ErrorCode;
  readonly hint: string | null;
  readonly denial: Denial | null;
  readonly statusCode: number | null;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.name = "SandboxedError";
    this.code = code;
    this.hint = detail.hint ?? null;
    this.denial = detail.denial ?? null;
    this.statusCode = detail.statusCode ?? null;
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === "object" && value !== null && brand in value;
  }
}
