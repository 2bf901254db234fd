import type {
  DomainRule,
  CredentialRule,
  McpAllowlist,
  ProfilePatch,
  Provenance,
  SandboxMode,
  UnixSocketRule,
} from "../policy/index.ts";
import type { Combined, Constrained } from "./constrained.ts";
import type { Exception } from "./exceptions.ts";
import type { Key } from "./keys.ts";
import type { SourceLayers } from "./layers.ts";
import type { MergedKey } from "./combine.ts";
import type { RawValue } from "./schema.ts";
import type { SourceSummary } from "./source.ts";

export type ApprovalPolicy = RawValue<"allowed_approval_policies">[number];
export type ApprovalReviewer = RawValue<"allowed_approvals_reviewers">[number];
export type EnforcementLevel = RawValue<"enforcement_level">;

/** One source's value, for keys of which each source's holds by itself. */
export interface Kept<T> {
  readonly value: T;
  readonly source: SourceSummary;
  readonly place: Provenance;
  /** Of a part of it: an index or a name. */
  readonly places: (...rest: readonly (string | number)[]) => Provenance;
}

/** A question with the answer it must have. */
export interface PolicyTest {
  /** As `explain` takes it: `read ~/.ssh/id_ed25519`. */
  readonly query: string;
  readonly expect: "allow" | "deny";
  readonly because: string | null;
  readonly provenance: Provenance;
}

/** Times in milliseconds since 1970. */
export interface BundleState {
  readonly url: string;
  readonly serial: number;
  readonly expires: number;
  /** When a newer one is to be looked for. */
  readonly due: number;
  /** Why the last look for one failed; null when it did not. */
  readonly failure: string | null;
}

/** What the organisation insists on: all sources together. */
export interface Requirements {
  /** Lowest rank first; none where the machine has none. */
  readonly sources: readonly SourceSummary[];
  /** Whom refusals name; null where nobody says. */
  readonly supportContact: string | null;
  /** When something in it begins or ends to hold, in milliseconds since 1970: what was decided before holds no longer. */
  readonly changesAt: number | null;
  /** That time, or when a newer bundle is due if that is before it. */
  readonly validUntil: number | null;
  /** The signed bundle among the sources; null where there is none. */
  readonly bundle: BundleState | null;
  /** The value of a key in force; null where no source says anything. */
  readonly merged: <K extends MergedKey>(key: K) => Combined<RawValue<K>> | null;
  /** Every source's value for a key, lowest rank first. */
  readonly kept: <K extends Key>(key: K) => readonly Kept<RawValue<K>>[];

  readonly sandboxModes: Constrained<SandboxMode>;
  readonly permissionProfiles: Constrained<string>;
  readonly approvalPolicies: Constrained<ApprovalPolicy>;
  readonly approvalReviewers: Constrained<ApprovalReviewer>;
  /** Rungs of the ladder that may be used. */
  readonly backends: Constrained<EnforcementLevel>;
  /** Profiles that users can name, and which they cannot define anew. */
  readonly profiles: ReadonlyMap<string, ProfilePatch>;
  readonly defaultPermissions: Combined<string> | null;
  /** What each source takes away, lowest rank first. */
  readonly layers: readonly SourceLayers[];
  readonly network: {
    /** What restricted networks have besides the user's own rules. */
    readonly domains: readonly DomainRule[];
    readonly sockets: readonly UnixSocketRule[];
    readonly credentials: readonly CredentialRule[];
    /** Where a source says which destinations there are; null where none does. */
    readonly baseline: Provenance | null;
    /** Where a source closes private addresses. */
    readonly closesLocal: Provenance | null;
  };
  /** The MCP servers that may run; null where no source has a list. */
  readonly mcpAllowlist: McpAllowlist | null;
  /** Those that hold here and now; each use is recorded. */
  readonly exceptions: readonly Exception[];
  readonly tests: readonly PolicyTest[];
  readonly warnings: readonly string[];
  /** A look for a newer bundle that is under way; what it finds counts from the next start on. It never fails. */
  readonly refreshed: Promise<void> | null;
}
