import type { Provenance } from "./decision.ts";
import type { AbsolutePath } from "../names/path.ts";

export type Access = "deny" | "read" | "write";

export type Token = ":root" | ":minimal" | ":toolchains" | ":workspace_roots" | ":home" | ":tmpdir" | ":slash_tmp";

export type Target =
  | { readonly kind: "path"; readonly path: AbsolutePath }
  | { readonly kind: "home"; readonly subpath: string }
  | { readonly kind: "glob"; readonly pattern: string; readonly base: Token | null }
  | { readonly kind: "token"; readonly token: Token; readonly subpath: string };

/** What made an entry: a person's words, or one of the lists in `sandbox-profiles/`. */
export type EntryOrigin = "grant" | "credential" | "protected" | "state";

export interface Entry {
  readonly target: Target;
  readonly access: Access;
  readonly origin: EntryOrigin;
  /** As written, for messages: `"~/x" = "read"` or `--read ~/x`. */
  readonly text: string;
  readonly provenance: Provenance;
  /** From a form in which a readable root inside a writable one meant nothing: such an entry is left out. */
  readonly legacy?: true;
}

/** What a decision names as its cause. */
export interface Rule {
  readonly kind: "filesystem" | "network" | "environment" | "protected" | "credential" | "state" | "default";
  /** As written. */
  readonly text: string;
}
