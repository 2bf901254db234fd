import { SandboxedError } from "./error.ts";
import type { Policy } from "./model.ts";

type PolicyLayer = Policy["layers"][number];

/** Known across the files that a build comes in. */
const seal: unique symbol = Symbol.for("sandboxed-run.bound");

interface Seal {
  /** What was bound: a policy with other layers is another one. */
  readonly layers: Policy["layers"];
  readonly rebind: (own: PolicyLayer) => BoundPolicy;
  /** The ways to build a sandbox that may be used; null for all. */
  readonly backends: readonly string[] | null;
}

/**
 * A policy that has been through the gate (`src/gate`): the requirements of the organisation and the user's ceiling are
 * among its layers. A sandbox is prepared from nothing else.
 */
export type BoundPolicy = Policy & { readonly [seal]: Seal };

/** For the gate alone. `rebind` binds another profile in the place of the caller's own. */
export function sealPolicy(policy: Policy, rebind: Seal["rebind"], backends: Seal["backends"] = null): BoundPolicy {
  const { layers } = policy;
  const sealed: Policy = { layers };
  // Not enumerable: a copy with other layers is not sealed.
  return Object.defineProperty(sealed, seal, { value: { layers, rebind, backends } }) as BoundPolicy; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the property is there now
}

/** Errors: `internal` for a policy that has not been through the gate, whatever its type says. */
export function requireBound(policy: BoundPolicy): void {
  if (sealOf(policy)?.layers === policy.layers) return;
  throw new SandboxedError("internal", "a sandbox was asked for with a policy that nobody has bound");
}

/** Errors: `requirements_conflict` for a sandbox that would be built in a way that may not be used. */
export function requireBackend(policy: BoundPolicy, backend: string): void {
  const { backends } = policy[seal];
  if (backends === null || backends.includes(backend)) return;
  throw new SandboxedError(
    "requirements_conflict",
    `enforcement_level: a sandbox here would be built as ${backend}, and only ${backends.join(", ")} may be used`,
    { hint: "sandboxed doctor says what keeps this host from more; sandboxed requirements show says who requires it" },
  );
}

/** The same bounds around another profile. Errors: those of binding: `requirements_conflict`. */
export function withOwnProfile(policy: BoundPolicy, own: PolicyLayer): BoundPolicy {
  requireBound(policy);
  return policy[seal].rebind(own);
}

/** The ways to build a sandbox that may be used; null for all. */
export function sealedBackends(policy: BoundPolicy): readonly string[] | null {
  return policy[seal].backends;
}

function sealOf(policy: Policy & { readonly [seal]?: Seal }): Seal | undefined {
  return policy[seal];
}
