import type { Provenance } from "./decision.ts";

/** How one word of a command line, or a URL, is compared. A `regex` has to match the whole of it. */
export type TextMatcher =
  | { readonly match: "exact" | "prefix"; readonly value: string }
  | { readonly match: "regex"; readonly expression: string };

/** What a server has to be, whatever it is called. */
export type McpIdentity =
  | {
      readonly kind: "command";
      /** A bare name, looked up in the system's PATH and no other, or an absolute path. */
      readonly executable: string;
      /** One matcher an argument, in order, no more and no fewer. */
      readonly args: readonly TextMatcher[];
      /** Of the executable, hex; null for any. */
      readonly sha256: string | null;
      /** Variables that are set; the server's entry may say the same, and sets no others. */
      readonly env: ReadonlyMap<string, string>;
      /** Variables of the caller's the server's entry may hand on. */
      readonly envVars: readonly string[];
      /** The only directory it may start in; `:session` for the session's. Null starts it in `/`, where nothing is. */
      readonly cwd: string | null;
    }
  | { readonly kind: "url"; readonly url: TextMatcher };

/** What an argument of a tool has to be; every part that is there has to hold. */
export interface ArgumentRule {
  readonly prefix?: string;
  /** A regular expression for the whole value. */
  readonly pattern?: string;
  readonly enum?: readonly (string | number | boolean)[];
  readonly maximum?: number;
  /** A directory that the value, a path, lies in once links are followed. */
  readonly inside?: string;
  readonly provenance: Provenance;
}

/** By tool, then by argument; `options.path` reaches into objects, and into each member of an array. */
export type ArgumentRules = ReadonlyMap<string, ReadonlyMap<string, ArgumentRule>>;

export interface McpAllowance {
  readonly identity: McpIdentity;
  readonly arguments: ArgumentRules;
  readonly provenance: Provenance;
}

/** What the organisation allows: a server runs when name and identity both match. One without entries allows none. */
export interface McpAllowlist {
  readonly servers: ReadonlyMap<string, McpAllowance>;
  /** Where the list as a whole was written. */
  readonly provenance: Provenance;
}
