import { SandboxedError } from "./error.ts";
export interface CredentialPath {
  readonly pattern: string;
}
/** Files that run on the host when somebody sets them off. */
export interface HandOffList {
  readonly category: string;
  readonly why: string;
  readonly patterns: readonly string[];
}
export function credentialPaths(): readonly CredentialPath[] {
  throw new SandboxedError("not_supported", "not built yet");
}
/** `git`: relative to a work tree or git directory. `tools`: at the top of every writable root. */
export function protectedNames(): { readonly git: readonly string[]; readonly tools: readonly string[] } {
  throw new SandboxedError("not_supported", "not built yet");
}
export function handOffLists(): readonly HandOffList[] {
  throw new SandboxedError("not_supported", "not built yet");
}
/** The category of a path relative to a workspace root; null when it is on no list. */
export function handOffCategory(_relative: string): HandOffList | null {
  throw new SandboxedError("not_supported", "not built yet");
}
