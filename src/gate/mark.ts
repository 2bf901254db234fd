import type { BoundPolicy, Policy } from "../policy/index.ts";

/** Called where requirements and ceiling have been applied, and nowhere else. */
export function markBound(policy: Policy): BoundPolicy {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the mark exists in the types alone; this file makes it
  return policy as BoundPolicy;
}
