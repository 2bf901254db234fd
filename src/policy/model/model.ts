import type { Layer, Provenance } from "./decision.ts";
import type { AbsolutePath } from "../names/path.ts";
import type { Entry } from "./rule.ts";

export interface FilesystemPolicy {
  readonly kind: "restricted" | "unrestricted" | "external";
  readonly entries: readonly Entry[];
}

export type NetworkMode = "off" | "restricted" | "full";

export interface DomainRule {
  /** As written: `api.example.com`, `*.example.com:8443`, `10.0.0.0/8`. Parsed by the network half. */
  readonly pattern: string;
  readonly access: "allow" | "deny";
  readonly resolveTo: readonly string[];
  /** The name in a TLS greeting need not be the one that was asked for. */
  readonly sni?: "any";
  readonly provenance: Provenance;
}

/** What may be asked of the hosts that the pattern covers, on whatever port unless it names one; grants nothing. */
export interface HttpRule {
  readonly pattern: string;
  /** Null: any. */
  readonly methods: readonly string[] | null;
  /** Patterns of whole paths, `*` within a segment and `**` across them. Null: any. */
  readonly paths: readonly string[] | null;
  readonly provenance: Provenance;
}

/** Where the broker finds a credential when a run starts. */
export type CredentialSource =
  | { readonly kind: "env"; readonly name: string }
  /** Absolute, or below the home with `~/`. */
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "keyring"; readonly service: string; readonly account: string };

/**
 * A header that the door sets on requests to one host, with a value that the program never sees. Grants nothing: the
 * host must be allowed as well.
 */
export interface CredentialRule {
  /** Also the variable in which the program finds a placeholder. */
  readonly name: string;
  /** One name or address. */
  readonly host: string;
  readonly port: number;
  /** Over TLS; else over plain HTTP, to this machine alone. */
  readonly isSecure: boolean;
  /** Null: any. */
  readonly methods: readonly string[] | null;
  /** As in `HttpRule`. Null: any. */
  readonly paths: readonly string[] | null;
  readonly header: string;
  /** What stands around the credential in the header's value. */
  readonly before: string;
  readonly after: string;
  /** The credential stands there as the password of this user, as `Basic` has it (RFC 7617); null: as it is. */
  readonly basicUser: string | null;
  readonly from: CredentialSource;
  readonly provenance: Provenance;
}

export interface UnixSocketRule {
  readonly path: string;
  readonly access: "allow" | "deny";
  /** Sockets that hand out the host (Docker, D-Bus, X11, tmux) need this word as well. */
  readonly dangerous: boolean;
  readonly provenance: Provenance;
}

export interface NetworkPolicy {
  readonly mode: NetworkMode;
  readonly modeProvenance: Provenance;
  /** What was written there, where that is no mode. */
  readonly modeText?: string;
  readonly domains: readonly DomainRule[];
  readonly http: readonly HttpRule[];
  readonly credentials: readonly CredentialRule[];
  readonly bundles: readonly string[];
  readonly unixSockets: readonly UnixSocketRule[];
  /** The door dials by itself, whatever proxy its environment names. */
  readonly upstreamProxy?: "refused";
}

export interface EnvironmentPolicy {
  readonly inherit: "core" | "none" | "all";
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly set: ReadonlyMap<string, string>;
  readonly provenance: Provenance;
  /** What other layers say: a name passes only where each of them lets it pass as well. */
  readonly bounds?: readonly EnvironmentPolicy[];
}

/** Sizes in bytes, times in milliseconds; null is "no limit". */
export interface Limits {
  readonly wallTime: number | null;
  /** For which questions to people may hold up `wallTime`, in all; none of them waits longer. */
  readonly maxPause: number;
  /** Over the whole tree. `"auto"` is 75 % of the machine's memory. */
  readonly memory: number | "auto" | null;
  /** RLIMIT_DATA of each process, on request only. */
  readonly data: number | null;
  readonly processes: number;
  readonly openFiles: number;
  readonly tmpSize: number;
  readonly homeSize: number;
  readonly shmSize: number;
}

export interface ProtectPolicy {
  readonly git: "metadata" | "all" | "off";
  /** Names from the top-of-root list that the user turned off, as written. */
  readonly off: ReadonlySet<string>;
  readonly missing: "watch" | "strict";
  readonly provenance: Provenance;
}

/** One named profile with `extends` already folded in. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly filesystem: FilesystemPolicy;
  readonly network: NetworkPolicy;
  readonly environment: EnvironmentPolicy;
  readonly limits: Limits;
  readonly protect: ProtectPolicy;
  readonly denyGlob: "snapshot" | "strict";
  /** What `:workspace_roots` starts from: the repository's work tree, or the working directory alone. */
  readonly workspace: "repo" | "cwd";
  /** Roots named by the configuration, besides. */
  readonly workspaceRoots: readonly AbsolutePath[];
  /** Where single values were said that hold no provenance themselves; what is absent is the tool's default. */
  readonly origins?: Origins;
}

/** By key as written below the profile's table: `limits.memory`, `deny_glob`, `environment.include`. */
export type Origins = ReadonlyMap<string, Provenance>;

/**
 * What one `[permissions.NAME]` table, one legacy form or one set of flags says. Absent is "says nothing".
 * Made by `readProfile` and `readLegacy`; callers may also write one out by hand.
 */
export interface ProfilePatch {
  readonly name: string;
  readonly provenance: Provenance;
  readonly description?: string;
  readonly extends?: { readonly name: string; readonly provenance: Provenance };
  readonly kind?: FilesystemPolicy["kind"];
  readonly entries?: readonly Entry[];
  readonly network?: {
    readonly mode?: { readonly value: NetworkMode; readonly provenance: Provenance; readonly text?: string };
    readonly bundles?: readonly string[];
    readonly domains?: readonly DomainRule[];
    readonly http?: readonly HttpRule[];
    readonly credentials?: readonly CredentialRule[];
    readonly unixSockets?: readonly UnixSocketRule[];
  };
  readonly environment?: Partial<Omit<EnvironmentPolicy, "provenance" | "bounds">> & {
    readonly provenance: Provenance;
  };
  readonly limits?: Partial<Limits>;
  readonly protect?: Partial<Omit<ProtectPolicy, "provenance">> & { readonly provenance: Provenance };
  readonly denyGlob?: Profile["denyGlob"];
  readonly workspace?: Profile["workspace"];
  readonly workspaceRoots?: readonly AbsolutePath[];
  readonly origins?: Origins;
}

/**
 * What a run may do: one profile an authority. Each layer decides alone; a run gets the minimum,
 * so that a layer can only ever narrow what the others leave.
 */
export interface Policy {
  /** `chosenBy`: where the profile was chosen or written, named when a layer refuses what it has no rule for. */
  readonly layers: readonly { readonly layer: Layer; readonly profile: Profile; readonly chosenBy?: Provenance }[];
}
