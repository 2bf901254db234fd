import { SandboxedError } from "./error.ts";
import type { ProfilePatch } from "./model.ts";
import type { AbsolutePath } from "./path.ts";
import type { ProvenanceOf } from "./read-profile.ts";
import type { RawLegacySettings, RawSandboxPolicy } from "./schema.ts";
/** `sandboxRoot`: the directory that the legacy form calls its workspace, apart from where the command runs; null for `:workspace_roots`. */
export function readLegacy(
  _raw: RawLegacySettings | RawSandboxPolicy,
  _at: ProvenanceOf,
  _sandboxRoot: AbsolutePath | null = null,
): ProfilePatch {
  throw new SandboxedError("not_supported", "not built yet");
}
