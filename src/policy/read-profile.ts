import { SandboxedError } from "./error.ts";
import type { Provenance } from "./decision.ts";
import type { ProfilePatch } from "./model.ts";
import type { RawProfile } from "./schema.ts";
/** Where a key stands; the path starts at the root of the document: `["permissions", "ci", "filesystem", "/data"]`. */
export type ProvenanceOf = (keyPath: readonly string[]) => Provenance;
/** Checks what the values of one `[permissions.NAME]` table mean. Errors: `policy_invalid`. */
export function readProfile(_name: string, _raw: RawProfile, _at: ProvenanceOf): ProfilePatch {
  throw new SandboxedError("not_supported", "not built yet");
}
