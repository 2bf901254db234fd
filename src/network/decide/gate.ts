import type { CredentialRule, Decision } from "../../policy/index.ts";

/** How somebody came to the door. */
export type Protocol = "http" | "https" | "socks5" | "transparent" | "dns" | "fetch";

/** Where a connection is to go: `host` is canonical (lower-case ASCII name without final dot, or an address as text). */
export interface Target {
  readonly host: string;
  readonly isAddress: boolean;
  readonly port: number;
}

/** Words of a refusal that are the door's own, beside those of the oracle. */
export type DoorReason =
  | Decision["reason"]
  | "bad_request"
  | "bad_host"
  | "private_address"
  | "resolve_failed"
  | "resolve_timed_out"
  | "connect_failed"
  | "connect_timed_out"
  | "answer_timed_out"
  | "certificate_untrusted"
  | "sni_missing"
  | "sni_mismatch"
  | "host_mismatch"
  | "method_not_allowed"
  | "path_not_allowed"
  | "credentials_missing"
  | "not_asked"
  | "limit"
  | "draining";

/** Why something did not pass, ready to become a body, a SOCKS reply or an event. `status` is HTTP's. */
export interface Refusal {
  readonly status: 400 | 403 | 407 | 408 | 429 | 431 | 502 | 503 | 504;
  readonly reason: DoorReason;
  readonly target: Target | null;
  readonly protocol: Protocol;
  /** The oracle's decision where it was asked; null for what the door refuses by itself. */
  readonly decision: Decision | null;
  /** One sentence for a person. */
  readonly message: string;
}

/** An address that was checked, to be dialled as it stands; never looked up again. */
export interface CheckedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** What a rule wants besides letting a connection pass. */
export interface Passage {
  readonly target: Target;
  readonly decision: Decision;
  /** Generation of the policy that allowed it; `Gate.stillAllowed` asks again after a change. */
  readonly generation: number;
  /** What the outer SNI must be: equal to the name (`name`), or anything (`any`). Addresses ask for nothing. */
  readonly sni: "name" | "any";
  /** A rule looks at methods or paths, or binds a credential: only what can be read as HTTP may pass. */
  readonly inspect?: boolean;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/**
 * The one place that says what may pass. The proxies, the transparent listeners, DNS and the session's fetch ask it,
 * in this order: `admit` (the name or literal; no resolver is asked), `locate` (one resolution, every answer checked).
 */
export interface Gate {
  /** Decides by name or literal address. Waits for nobody unless a miss may be asked about. */
  admit(target: Target, protocol: Protocol): Promise<Answer<Passage>>;
  /** Plain HTTP and intercepted HTTPS: whether this request's method and path may pass. */
  request(passage: Passage, method: string, path: string): Answer<Passage>;
  /**
   * The credentials that go with a request that may pass; none when absent. `isSecure`: it came inside of TLS that
   * ended here, and goes out so.
   */
  credentials?(passage: Passage, method: string, path: string, isSecure: boolean): readonly CredentialRule[];
  /** Resolves the target of a passage and checks each answer. At least one address when ok. */
  locate(passage: Passage, protocol: Protocol): Promise<Answer<readonly CheckedAddress[]>>;
  /** Whether a passage given earlier still holds under the policy of now. */
  stillAllowed(passage: Passage): boolean;
}

/** Every decision, allowed ones too. Never carries a path or a query. */
export interface DoorEvent {
  readonly kind: "allowed" | "refused" | "closed";
  readonly protocol: Protocol;
  readonly target: Target | null;
  readonly refusal: Refusal | null;
  readonly decision: Decision | null;
  /** Bytes towards the world and back; only with `closed`. */
  readonly sent: number;
  readonly received: number;
}

export type DoorObserver = (event: DoorEvent) => void;
