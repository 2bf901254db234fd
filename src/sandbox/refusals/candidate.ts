import type { Errno } from "./phrases.ts";

/** How a path was to be used, as far as the line tells. */
export type Intent = "read" | "write" | "create" | "remove" | "rename" | "exec" | "list" | "socket" | "unknown";

/** Something a line of output says was refused; not asked yet. */
export type Candidate =
  | {
      readonly kind: "path";
      /** As printed: may be relative or start with `~`. */
      readonly text: string;
      readonly intent: Intent;
      readonly errno: Errno;
      /** Bare words are mistaken for paths easily: only one that exists on the host counts. */
      readonly onlyExisting: boolean;
    }
  /** Port null: the name could not be resolved. */
  | { readonly kind: "host"; readonly host: string; readonly port: number | null; readonly errno: Errno }
  /** A network error that names no host. */
  | { readonly kind: "network"; readonly errno: Errno }
  | { readonly kind: "command"; readonly name: string; readonly errno: Errno }
  | { readonly kind: "variable"; readonly name: string };
