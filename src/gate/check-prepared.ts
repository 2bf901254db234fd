import { refuseExcess } from "../config/index.ts";
import { SandboxedError } from "../policy/index.ts";
import type { BoundPolicy, Places } from "../policy/index.ts";
import type { BoundConfig } from "../requirements/index.ts";

/** What requirements say about a run beside its policy. */
export type Managed = BoundConfig["managed"];

/** The part of a prepared launch that is looked at. */
interface PreparedLaunch {
  readonly plan: { readonly backend: string };
  readonly resolved: { readonly places: Places };
}

/**
 * What can be told only on this machine: whether something was asked above the ceiling, and whether the sandbox is built
 * in a way that may be used. Returns warnings. Errors: `ceiling_exceeded`, `requirements_conflict`.
 */
export function checkPrepared(
  policy: BoundPolicy,
  { backends }: Managed,
  { plan, resolved }: PreparedLaunch,
): readonly string[] {
  if (backends !== null && !backends.includes(plan.backend)) {
    throw new SandboxedError(
      "requirements_conflict",
      `enforcement_level: a sandbox here would be built as ${plan.backend}, and only ${backends.join(", ")} may be used`,
      {
        hint: "sandboxed doctor says what keeps this host from more; sandboxed requirements show says who requires it",
      },
    );
  }
  return refuseExcess(policy, resolved.places);
}
