import { SandboxedError } from "./error.ts";
import type { Oracle, ResolvedPolicy } from "./resolved.ts";
/** The one oracle, ready to be asked. */
export function compile(_resolved: ResolvedPolicy): Oracle {
  throw new SandboxedError("not_supported", "not built yet");
}
