import { SandboxedError } from "./error.ts";
import type { Profile, ProfilePatch } from "./model.ts";
export const builtinProfileNames = [":isolated", ":workspace", ":read-only", ":danger-full-access"] as const;
/** A built-in profile by name, with its colon; null for any other name. */
export function builtinProfile(_name: string): Profile | null {
  throw new SandboxedError("not_supported", "not built yet");
}
/** What a profile that extends nothing starts from: nothing granted, credentials denied. */
export function emptyProfile(_name: string): Profile {
  throw new SandboxedError("not_supported", "not built yet");
}
/** Follows `extends`. Errors: `policy_invalid` for an unknown name or a cycle. */
export function selectProfile(_name: string, _patches: ReadonlyMap<string, ProfilePatch>): Profile {
  throw new SandboxedError("not_supported", "not built yet");
}
