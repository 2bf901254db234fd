import { SandboxedError } from "./error.ts";
import type { Profile, ProfilePatch } from "./model.ts";
/** The base with what the patch says put over it. */
export function applyPatch(_base: Profile, _patch: ProfilePatch): Profile {
  throw new SandboxedError("not_supported", "not built yet");
}
/** Two tables of the same name in two layers, as one. */
export function mergePatches(_lower: ProfilePatch, _higher: ProfilePatch): ProfilePatch {
  throw new SandboxedError("not_supported", "not built yet");
}
