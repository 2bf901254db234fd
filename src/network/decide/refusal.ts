import type { Decision } from "../../policy/index.ts";
import type { DoorEvent, DoorReason, Protocol, Refusal, Target } from "./gate.ts";

/** HTTP's status for what the door refuses by itself; decisions of the policy are 403. */
const statusOf: { readonly [reason in DoorReason]?: Refusal["status"] } = {
  bad_request: 400,
  bad_host: 400,
  host_mismatch: 400,
  credentials_missing: 407,
  resolve_failed: 502,
  connect_failed: 502,
  certificate_untrusted: 502,
  resolve_timed_out: 504,
  connect_timed_out: 504,
  answer_timed_out: 504,
  limit: 503,
  draining: 503,
};

/** A refusal that no rule made. */
export function refuse(
  protocol: Protocol,
  target: Target | null,
  reason: DoorReason,
  message: string,
  status: Refusal["status"] = statusOf[reason] ?? 403,
): Refusal {
  return { status, reason, target, protocol, decision: null, message };
}

/** The one JSON body of every refusal. */
export function refusalBody({ target, protocol, reason, decision, message }: Refusal): string {
  return `${JSON.stringify({
    status: "blocked",
    host: target?.host ?? null,
    port: target?.port ?? null,
    protocol,
    reason,
    decision: decision?.effect === "ask" ? "ask" : "deny",
    source: decision?.provenance?.layer ?? "door",
    rule: decision?.rule?.text ?? null,
    file: decision?.provenance?.file ?? null,
    line: decision?.provenance?.line ?? null,
    suggestion: decision?.suggestion ?? null,
    retryable: isRetryable(reason, decision),
    message,
  })}\n`;
}

/** The value of `x-proxy-error`. */
export function proxyError({ status, reason }: Refusal): string {
  switch (reason) {
    case "network_not_allowed":
    case "no_rule":
    case "private_address":
    case "not_asked":
      return "blocked-by-allowlist";
    case "denied_by_rule":
      return "blocked-by-denylist";
    case "method_not_allowed":
      return "blocked-by-method-policy";
    case "limit":
      return "limit";
    default:
      return status === 403 ? "blocked-by-policy" : reason.replaceAll("_", "-");
  }
}

/** SOCKS5's reply code (RFC 1928, section 6). */
export function socksReply({ status, reason }: Refusal): number {
  switch (reason) {
    case "resolve_failed":
    case "resolve_timed_out":
    case "connect_timed_out":
    case "answer_timed_out":
      return 0x04;
    case "connect_failed":
      return 0x05;
    default:
      return status === 403 ? 0x02 : 0x01;
  }
}

export function refusedEvent(refusal: Refusal): DoorEvent {
  const { protocol, target, decision } = refusal;
  return { kind: "refused", protocol, target, refusal, decision, sent: 0, received: 0 };
}

/** `host:port` as it stands in a `Host` line or a CONNECT request; the port left out where it is the default. */
export function authorityOf({ host, port }: Target, defaultPort?: number): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return port === defaultPort ? name : `${name}:${port}`;
}

/** Asking again helps where the caller can change the rule, or where the world may answer differently. */
export function isRetryable(reason: DoorReason, decision: Decision | null): boolean {
  if (decision === null || decision.effect === "allow") {
    return [
      "resolve_failed",
      "resolve_timed_out",
      "connect_failed",
      "connect_timed_out",
      "answer_timed_out",
      "limit",
    ].includes(reason);
  }
  if (["ceiling", "requirements", "invariant"].includes(decision.provenance?.layer ?? "")) return false;
  const { suggestion } = decision;
  return suggestion === null || suggestion.argv.length > 0 || (suggestion.config ?? "").startsWith("[");
}
