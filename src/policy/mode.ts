import { SandboxedError } from "./error.ts";
import type { Profile } from "./model.ts";
/** What a profile really lets be written, whatever it is called. */
export function mode(_profile: Profile): "read-only" | "workspace-write" | "danger-full-access" {
  throw new SandboxedError("not_supported", "not built yet");
}
