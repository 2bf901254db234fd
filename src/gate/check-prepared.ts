import { refuseExcess } from "../config/index.ts";
import type { BoundPolicy, Places } from "../policy/index.ts";
import type { BoundConfig } from "../requirements/index.ts";

/** What requirements say about a run beside its policy. */
export type Managed = BoundConfig["managed"];

/**
 * What can be told only on this machine: whether something was asked above the ceiling. Returns warnings. Errors:
 * `ceiling_exceeded`.
 */
export function checkPrepared(
  policy: BoundPolicy,
  { resolved }: { readonly resolved: { readonly places: Places } },
): readonly string[] {
  return refuseExcess(policy, resolved.places);
}
