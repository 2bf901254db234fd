import type { Rule } from "./rule.ts";

/**
 * Whose word a value is. What `ceiling`, `requirements` and `invariant` refuse, no other allows.
 */
export type Layer =
  | "builtin"
  | "system"
  | "user"
  | "project"
  /** A project whose files the user trusts: it speaks with the user's authority. */
  | "trusted"
  | "file"
  | "override"
  | "flag"
  | "api"
  | "grant"
  /** The most that whoever types the command line can ask for; set in the user's or the administrator's file. */
  | "ceiling"
  | "requirements"
  | "invariant";

/** `line` and `column` count from 1; `file` is null for flags, API calls and invariants. */
export interface Provenance {
  readonly layer: Layer;
  readonly file: string | null;
  readonly line: number | null;
  readonly column: number | null;
  /** Who can change it, in words for a person: "you", "the project", "sandboxed-run". */
  readonly owner: string;
}

export type PathOperation = "read" | "write" | "create" | "list" | "exec" | "move";

export type Query =
  | { readonly op: PathOperation; readonly path: string }
  | { readonly op: "connect"; readonly host: string; readonly port: number }
  | { readonly op: "connect_unix"; readonly path: string }
  | { readonly op: "bind"; readonly port: number }
  | { readonly op: "dns"; readonly name: string }
  | { readonly op: "env"; readonly name: string };

export type Operation = Query["op"];

/** Why a decision fell as it did; one word a branch of the oracle. */
export type ReasonCode =
  | "granted"
  | "no_rule"
  | "denied_by_rule"
  | "read_only"
  | "deny_glob"
  | "credential"
  | "protected_name"
  /** Allowed, but the program meets a private place where the host has something. */
  | "hidden"
  | "tool_state"
  | "pinned_ancestor"
  | "mount_root"
  | "unresolvable_path"
  | "network_off"
  | "network_not_allowed"
  | "unix_socket_not_allowed"
  | "environment_not_inherited"
  | "environment_secret"
  | "unrestricted";

/**
 * Whose file the program meets: the host's, a private one at the same path (home, temporary
 * directories, `/dev/shm`), or a mask put over the host's.
 */
export type Where = "host" | "private" | "masked";

/** The narrowest change that would turn a denial into an allow. */
export interface Suggestion {
  /** Words to add to the command line, already split: `["--read", "/data/x"]`. Empty when no option does it. */
  readonly argv: readonly string[];
  /** The same as a line of configuration, or advice when neither form exists. */
  readonly config: string | null;
}

export interface Decision {
  readonly effect: "allow" | "deny" | "ask";
  readonly reason: ReasonCode;
  readonly rule: Rule | null;
  readonly provenance: Provenance | null;
  readonly where: Where;
  readonly suggestion: Suggestion | null;
}

/** A decision that refused, as it reaches the terminal, the report, the script and the journal. */
export interface Denial extends Decision {
  readonly query: Query;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly session: string;
  /** False when a layer the caller cannot change refused: asking again with a flag is useless. */
  readonly retryable: boolean;
}
