import type { Protocol, Target } from "../decide/gate.ts";

/**
 * How an HTTP connection came. `proxy`: a client that asks for URLs; `pinned`: a connection that leads to one target,
 * opened by CONNECT, SOCKS or a transparent listener, on which requests have the form servers see;
 * `isSecure` when they came inside of TLS that ended here.
 */
export type HttpArrival =
  | { readonly kind: "proxy"; readonly protocol: Protocol }
  | {
      readonly kind: "pinned";
      readonly protocol: Protocol;
      readonly target: Target;
      readonly isSecure?: true;
    };

export function isSecure(arrival: HttpArrival): boolean {
  return arrival.kind === "pinned" && arrival.isSecure === true;
}
