import { authorityOf, isRetryable } from "../../network/index.ts";
import type { Fetched, FetchTarget, Refusal } from "../../network/index.ts";
import { SessionError } from "../error.ts";
import type { SessionErrorCode } from "../error.ts";
import type { Json } from "../json.ts";

/** An answer as its caller gets it: text where the body is UTF-8, base64 where it is not. */
export function resultOf({ url, redirects, status, headers, body, isTruncated }: Fetched): Json {
  const text = textOf(body, isTruncated);
  return {
    url: textOfUrl(url),
    redirects,
    status,
    headers: joined(headers),
    body: text ?? body.toString("base64"),
    encoding: text === null ? "base64" : "utf-8",
    bytes: body.length,
    truncated: isTruncated,
  };
}

export function textOfUrl({ scheme, target, path }: FetchTarget): string {
  return `${scheme}://${authorityOf(target, scheme === "https" ? 443 : 80)}${path}`;
}

/** The door's word in the channel's. */
export function refusedFetch({ reason, target, decision, message }: Refusal): SessionError {
  return new SessionError(codes[reason] ?? (decision === null ? "failed" : "policy_denied"), message, {
    decision,
    retryable: isRetryable(reason, decision),
    data: { reason, target: target === null ? null : authorityOf(target) },
  });
}

const codes: { readonly [reason in Refusal["reason"]]?: SessionErrorCode } = {
  bad_request: "failed",
  bad_host: "invalid_params",
  resolve_failed: "failed",
  resolve_timed_out: "timed_out",
  connect_failed: "failed",
  connect_timed_out: "timed_out",
  answer_timed_out: "timed_out",
  certificate_untrusted: "failed",
  limit: "overloaded",
  draining: "policy_denied",
  not_asked: "nobody_to_ask",
};

/** Null for bytes that are none. What the limit cut off within a character is left out. */
function textOf(body: Buffer, isTruncated: boolean): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body, { stream: isTruncated });
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Names in small letters, those that come more than once together; of cookies one a line. */
function joined(headers: readonly string[]): Json {
  const byName = new Map<string, string>();
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = "", value = ""] = headers.slice(at, at + 2);
    const lower = name.toLowerCase();
    const before = byName.get(lower);
    byName.set(lower, before === undefined ? value : `${before}${lower === "set-cookie" ? "\n" : ", "}${value}`);
  }
  return Object.fromEntries(byName);
}
