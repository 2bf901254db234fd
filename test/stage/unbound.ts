import type { BoundPolicy, Policy } from "../../src/policy/index.ts";

/** A policy for tests of what comes after the gate, on machines that require nothing. */
export function unbound(policy: Policy): BoundPolicy {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the mark exists in the types alone
  return policy as BoundPolicy;
}
