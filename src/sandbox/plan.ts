import type { AbsolutePath, Limits } from "../policy/index.ts";
import type { Identity } from "./facts.ts";

/** One step of building the file tree, in order. `to` is the path inside. */
export type MountStep =
  | { readonly do: "bind"; readonly from: AbsolutePath; readonly to: AbsolutePath; readonly access: "read" | "write" }
  | { readonly do: "tmpfs"; readonly to: AbsolutePath; readonly size: number; readonly mode: string }
  /** `open` lets paths below the mask be reached when something there is granted again. */
  | { readonly do: "mask"; readonly to: AbsolutePath; readonly kind: "directory" | "file"; readonly open: boolean }
  /** A directory in a tmpfs of the launch, on the way to a mount point. */
  | { readonly do: "directory"; readonly to: AbsolutePath }
  | { readonly do: "symlink"; readonly to: AbsolutePath; readonly target: string }
  | { readonly do: "proc" | "outer-proc" | "dev"; readonly to: AbsolutePath }
  /** Nothing can be made in this directory afterwards. */
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

/**
 * A private home belongs to one workspace and one set of mount points: every run that shares it pins the same
 * directories, so that none can swap a mount point for a symlink under another.
 */
export interface PrivateHome {
  readonly folder: AbsolutePath;
  /** Parents first; made before the launch. */
  readonly points: readonly { readonly path: AbsolutePath; readonly kind: "directory" | "file" }[];
}

/**
 * What a restricted network leads to: sockets in the run's own network namespace that are opened before the program
 * starts and served from outside. With a door, every address but those leads to the namespace itself.
 */
export interface DoorPlan {
  /** Where the proxies listen, on 127.0.0.1. */
  readonly proxyPort: number;
  /** TCP ports that answer for every address, IPv4 and IPv6. Neither 53 nor the proxy's. */
  readonly transparentPorts: readonly number[];
  /** Port 53, UDP and TCP, answers for every address. Without it the door is for the program's channel alone. */
  readonly dns: boolean;
  /** Ports of the program's own servers that may be dialled from outside. */
  readonly published: readonly number[];
  /**
   * Where the certificates lie on the host that the program is to trust, the run's own authority among them; null where
   * nothing looks inside of TLS. Made by the launch.
   */
  readonly trust: AbsolutePath | null;
}

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
  /** Null where nothing is to be reached from inside, nor anything inside from here. */
  readonly door: DoorPlan | null;
  readonly mounts: readonly MountStep[];
  readonly expectations: readonly Expectation[];
  /** The ids the program runs as. */
  readonly ids: { readonly uid: number; readonly gid: number };
  /** Started by root: the namespace gets the full range of ids. */
  readonly fullIdRange: boolean;
  readonly limits: Limits & { readonly memory: number | null };
  readonly pidMax: number | null;
  /** The second layer under the mounts, and the only one on the `landlock` rung. */
  readonly landlock: boolean;
  readonly writable: readonly AbsolutePath[];
  /** Told to Landlock only where no mount hides the rest. */
  readonly readable: readonly AbsolutePath[];
  /** Where the private home lives on the host, and the mount points in it; null when the profile has none. */
  readonly privateHome: PrivateHome | null;
  /** What is read-only in a writable place, to be bound again when the host replaces it. */
  readonly rebind: readonly AbsolutePath[];
  /** Masks, to be put over whatever the host replaces them with. */
  readonly remask: readonly AbsolutePath[];
  /** Protected names that do not exist yet. */
  readonly missing: readonly AbsolutePath[];
  /** Folders of the tool's own that the launch makes first, so that it can cover them. */
  readonly made: readonly AbsolutePath[];
  /** Directories made on the host for `protect_missing = "strict"`, to be removed afterwards. */
  readonly placeholders: readonly AbsolutePath[];
  readonly reductions: readonly Reduction[];
  readonly terminal: "inherit" | "own" | "none";
}
