import { sealPolicy } from "../../src/policy/index.ts";
import type { BoundPolicy, Policy } from "../../src/policy/index.ts";

/** A policy for tests of what comes after the gate, on machines that require nothing. */
export function unbound({ layers }: Policy): BoundPolicy {
  return sealPolicy({ layers }, (own) => unbound({ layers: [own, ...layers.slice(1)] }));
}
