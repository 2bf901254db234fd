import { SandboxedError } from "./error.ts";
import type { Policy } from "./model.ts";

type PolicyLayer = Policy["layers"][number];

/** Known across the files that a build comes in. */
const seal: unique symbol = Symbol.for("sandboxed-run.bound");

interface Seal {
  /** What was bound: a policy with other layers is another one. */
  readonly layers: Policy["layers"];
  readonly rebind: (own: PolicyLayer) => BoundPolicy;
}

/**
 * A policy that has been through the gate (`src/gate`): the requirements of the organisation and the user's ceiling are
 * among its layers. A sandbox is prepared from nothing else.
 */
export type BoundPolicy = Policy & { readonly [seal]: Seal };

/** For the gate alone. `rebind` binds another profile in the place of the caller's own. */
export function sealPolicy(policy: Policy, rebind: Seal["rebind"]): BoundPolicy {
  const { layers } = policy;
  const sealed: Policy = { layers };
  // Not enumerable: a copy with other layers is not sealed.
  return Object.defineProperty(sealed, seal, { value: { layers, rebind } }) as BoundPolicy; // oxlint-disable-line typescript/no-unsafe-type-assertion -- the property is there now
}

/** Errors: `internal` for a policy that has not been through the gate, whatever its type says. */
export function requireBound(policy: BoundPolicy): void {
  if (sealOf(policy)?.layers === policy.layers) return;
  throw new SandboxedError("internal", "a sandbox was asked for with a policy that nobody has bound");
}

/** The same bounds around another profile. Errors: those of binding: `requirements_conflict`. */
export function withOwnProfile(policy: BoundPolicy, own: PolicyLayer): BoundPolicy {
  requireBound(policy);
  return policy[seal].rebind(own);
}

function sealOf(policy: Policy & { readonly [seal]?: Seal }): Seal | undefined {
  return policy[seal];
}
