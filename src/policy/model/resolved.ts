import type { Decision, Layer, PathOperation, Provenance, Query, Suggestion, Where } from "./decision.ts";
import type {
  CredentialRule,
  EnvironmentPolicy,
  FilesystemPolicy,
  Limits,
  NetworkMode,
  NetworkPolicy,
  ProtectPolicy,
} from "./model.ts";
import type { AddressBlock } from "../names/address.ts";
import type { AbsolutePath } from "../names/path.ts";
import type { Access, Entry } from "./rule.ts";

/**
 * The machine as far as the policy needs it, read beforehand: nothing in this folder touches a disk.
 * All paths are canonical (no symlink in any component).
 */
export interface Places {
  readonly home: AbsolutePath;
  /** Where `$HOME` is not the home of the account: that one. What `~` denies is denied there as well. */
  readonly otherHomes?: readonly AbsolutePath[];
  readonly cwd: AbsolutePath;
  /** What `:workspace_roots` stands for; empty when the working directory may not grant itself. */
  readonly workspaceRoots: readonly AbsolutePath[];
  /** `$TMPDIR` when set and absolute, else null. */
  readonly tmpdir: AbsolutePath | null;
  readonly minimal: readonly AbsolutePath[];
  readonly toolchains: readonly AbsolutePath[];
  /** The tool's own state, keys, trust and caches. */
  readonly toolState: readonly AbsolutePath[];
  /** Directories below which names differ only by more than letter case and Unicode form; none when absent. */
  readonly folding?: readonly AbsolutePath[];
  /** Protected paths found under the writable roots, existing or not (see `sandbox/protection`). */
  readonly protectedPaths: readonly ProtectedPath[];
  /** What stands there and matches a deny pattern, where a backend knows no patterns and holds each path by itself. */
  readonly matches?: readonly AbsolutePath[];
  /**
   * Canonical form of any path: symlinks resolved through the deepest existing ancestor, the missing rest kept.
   * Null when it cannot be found out (loop, unreadable parent, too long): callers deny.
   */
  readonly canonical: (path: AbsolutePath) => AbsolutePath | null;
}

/** A path that a run must neither write nor replace. */
export interface ProtectedPath {
  readonly path: AbsolutePath;
  readonly kind: "directory" | "file" | "missing";
  /** The name of the list it came from: `git` or `tools`, and the pattern in it. */
  readonly list: "git" | "tools";
  readonly name: string;
  /** The writable root it stands under; every directory between the two is pinned. */
  readonly root: AbsolutePath;
}

export interface ResolvedEntry {
  readonly path: AbsolutePath;
  readonly access: Access;
  /** Backed by a private directory instead of the host's. */
  readonly private: boolean;
  readonly entry: Entry;
}

export interface ResolvedGlob {
  /** Absolute pattern, its literal base canonical. */
  readonly pattern: string;
  readonly entry: Entry;
}

export interface ResolvedLayer {
  readonly layer: Layer;
  /** Where its profile was chosen; named for what it has no rule for. */
  readonly chosenBy?: Provenance;
  readonly kind: FilesystemPolicy["kind"];
  readonly entries: readonly ResolvedEntry[];
  readonly denyGlobs: readonly ResolvedGlob[];
  /** Denies that a private area makes needless: the host's file is not there. Kept to explain what is missing. */
  readonly shadowed: { readonly entries: readonly ResolvedEntry[]; readonly denyGlobs: readonly ResolvedGlob[] };
  readonly network: NetworkPolicy;
}

/** Tokens expanded, paths canonical; ready to be compiled and planned from. */
export interface ResolvedPolicy {
  readonly profile: string;
  readonly layers: readonly ResolvedLayer[];
  /** The least of the layers' modes; which hosts are allowed is decided layer by layer. */
  readonly networkMode: NetworkMode;
  readonly environment: EnvironmentPolicy;
  readonly limits: Limits;
  readonly protect: ProtectPolicy;
  readonly denyGlob: "snapshot" | "strict";
  readonly places: Places;
}

/** One step of the tree of effective access: it holds from `path` downwards until a deeper step. */
export interface MaterialisedEntry {
  readonly path: AbsolutePath;
  readonly access: Access;
  readonly where: Where;
  readonly entry: Entry | null;
}

/** What the door needs to know of a destination beside the decision. */
export interface Reach {
  readonly decision: Decision;
  /** Refused only because layers of the caller's own list nothing for it: the one case that may be asked about. */
  readonly isMiss: boolean;
  readonly sni: "name" | "any";
  /** Some rule looks at methods or paths, so that what cannot be read may not pass. */
  readonly limitsRequests: boolean;
  /** A credential is bound to it: only what can be read as HTTP may pass. */
  readonly bindsCredentials: boolean;
  /** The credentials that go with such a request. `isSecure`: it came over TLS, and will go out so. */
  credentials(method: string, path: string, isSecure: boolean): readonly CredentialRule[];
  /** `path` as in a request line, with its query. */
  request(method: string, path: string): RequestDecision;
  /**
   * Whether rules name the address although it is not public. A name leads where its `resolve_to` says; for a literal
   * a block counts that is no wider than `range`.
   */
  mayLeadTo(address: string, range: AddressBlock): boolean;
}

export interface RequestDecision {
  readonly decision: Decision;
  readonly refused: "method" | "path" | null;
}

/** The one oracle. Every question of the form "may this run do X?" is answered here. */
export interface Oracle {
  decide(query: Query): Decision;
  /** What would let the program do it with the host's own file, where it is refused or meets a private place. */
  suggest(op: PathOperation, path: string): Suggestion;
  /** `port` null asks for the name alone. */
  reach(host: string, port: number | null): Reach;
  /** Effective access over the union of all anchors, parents before children, redundant steps left out. */
  materialise(): readonly MaterialisedEntry[];
}
