import type { Limits } from "../policy/model.ts";
import type { AbsolutePath } from "../policy/path.ts";
import type { Identity } from "./facts.ts";

/** One step of building the file tree, in order. `to` is the path inside. */
export type MountStep =
  | { readonly do: "bind"; readonly from: AbsolutePath; readonly to: AbsolutePath; readonly access: "read" | "write" }
  | { readonly do: "tmpfs"; readonly to: AbsolutePath; readonly size: number; readonly mode: string }
  | { readonly do: "mask"; readonly to: AbsolutePath; readonly kind: "directory" | "file" }
  | { readonly do: "directory"; readonly to: AbsolutePath }
  | { readonly do: "symlink"; readonly to: AbsolutePath; readonly target: string }
  | { readonly do: "file"; readonly to: AbsolutePath; readonly content: string }
  | { readonly do: "proc" | "dev"; readonly to: AbsolutePath }
  | { readonly do: "seal"; readonly to: AbsolutePath };

/** What the first process checks before it lets the program start. */
export interface Expectation {
  readonly path: AbsolutePath;
  readonly access: "read" | "write" | "masked";
  /** Null where the inode is made by the launch itself (tmpfs, masks). */
  readonly identity: Identity | null;
}

/** A rung of the fallback ladder. */
export type Backend = "bwrap" | "bwrap-outer-proc" | "landlock" | "none";

/** A rule class this launch holds only as a snapshot, or not at all. */
export interface Reduction {
  readonly rule: string;
  readonly holds: "snapshot" | "watched" | "no";
  readonly why: string;
}

/** Everything the executor needs, as plain JSON. Nothing in it is decided later. */
export interface LaunchPlan {
  readonly backend: Backend;
  readonly profile: string;
  readonly program: AbsolutePath;
  readonly argv: readonly string[];
  readonly cwd: AbsolutePath;
  readonly environment: readonly (readonly [name: string, value: string])[];
  readonly network: "off" | "restricted" | "full";
  readonly mounts: readonly MountStep[];
  readonly expectations: readonly Expectation[];
  /** The ids the program runs as. */
  readonly ids: { readonly uid: number; readonly gid: number };
  /** Started by root: the namespace gets the full range of ids. */
  readonly fullIdRange: boolean;
  readonly limits: Limits & { readonly memory: number | null };
  readonly pidMax: number | null;
  /** Writable places, for the second layer (Landlock). */
  readonly writable: readonly AbsolutePath[];
  /** Protected files and directories to bind again when the host replaces them. */
  readonly rebind: readonly AbsolutePath[];
  /** Protected names that do not exist yet. */
  readonly missing: readonly AbsolutePath[];
  /** Directories made on the host for `protect_missing = "strict"`, to be removed afterwards. */
  readonly placeholders: readonly AbsolutePath[];
  readonly reductions: readonly Reduction[];
  readonly terminal: "inherit" | "own" | "none";
}
