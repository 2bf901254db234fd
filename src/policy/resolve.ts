import { SandboxedError } from "./error.ts";
import type { Policy } from "./model.ts";
import type { Places, ResolvedPolicy } from "./resolved.ts";
/** Tokens expanded, paths canonical, the tool's own two layers appended. Errors: `policy_invalid`. */
export function resolve(_policy: Policy, _places: Places): ResolvedPolicy {
  throw new SandboxedError("not_supported", "not built yet");
}
