import type { EnvironmentPolicy, NetworkPolicy, Profile, ProfilePatch } from "./model.ts";
import type { Access, Entry } from "./rule.ts";
import { entryFrom, targetKey } from "./target.ts";

/**
 * The base with what the patch says put over it. An entry takes the place of the base's entry for the same target;
 * two entries of one patch for the same target come to the narrower. A patch that narrows an unrestricted base makes
 * it a restricted one that allows all the rest.
 */
export function applyPatch(base: Profile, patch: ProfilePatch): Profile {
  return {
    name: patch.name,
    description: patch.description ?? "",
    filesystem: applyFilesystem(base, patch),
    network: applyNetwork(base.network, patch.network),
    environment: applyEnvironment(base.environment, patch.environment),
    limits: { ...base.limits, ...patch.limits },
    protect: { ...base.protect, ...patch.protect },
    denyGlob: patch.denyGlob ?? base.denyGlob,
    workspace: patch.workspace ?? base.workspace,
    workspaceRoots: [...new Set([...base.workspaceRoots, ...(patch.workspaceRoots ?? [])])],
    ...joinedOrigins(base, patch),
  };
}

/** Two tables of the same name in two layers, as one: what the higher says of a key holds. */
export function mergePatches(lower: ProfilePatch, higher: ProfilePatch): ProfilePatch {
  const entries = [...without(lower.entries ?? [], higher.entries ?? []), ...(higher.entries ?? [])];
  const environment = { ...lower.environment, ...higher.environment };
  const protect = { ...lower.protect, ...higher.protect };
  const { domains, http, credentials, unixSockets } = { ...lower.network, ...higher.network };
  return {
    ...lower,
    ...higher,
    ...((lower.entries ?? higher.entries) ? { entries } : {}),
    ...((lower.network ?? higher.network)
      ? {
          network: {
            ...lower.network,
            ...higher.network,
            ...(domains && { domains: overlay(lower.network?.domains ?? [], higher.network?.domains, patternOf) }),
            ...(http && { http: overlay(lower.network?.http ?? [], higher.network?.http, patternOf) }),
            ...(credentials && {
              credentials: overlay(lower.network?.credentials ?? [], higher.network?.credentials, nameOf),
            }),
            ...(unixSockets && {
              unixSockets: overlay(lower.network?.unixSockets ?? [], higher.network?.unixSockets, pathOf),
            }),
          },
        }
      : {}),
    ...(environment.provenance && { environment: { ...environment, provenance: environment.provenance } }),
    ...(protect.provenance && { protect: { ...protect, provenance: protect.provenance } }),
    ...((lower.limits ?? higher.limits) ? { limits: { ...lower.limits, ...higher.limits } } : {}),
    ...joinedOrigins(lower, higher),
  };
}

function joinedOrigins(
  { origins: lower }: Pick<ProfilePatch, "origins">,
  { origins: higher }: Pick<ProfilePatch, "origins">,
): Pick<ProfilePatch, "origins"> {
  const origins = new Map([...(lower ?? []), ...(higher ?? [])]);
  return origins.size === 0 ? {} : { origins };
}

function applyFilesystem(base: Profile, patch: ProfilePatch): Profile["filesystem"] {
  if (patch.kind !== undefined && patch.kind !== "restricted") return { kind: patch.kind, entries: [] };
  if (base.filesystem.kind !== "restricted" && patch.kind === undefined && !needsSandbox(patch)) return base.filesystem;
  const added = narrowest(patch.entries ?? []);
  const kept = base.filesystem.kind === "restricted" ? base.filesystem.entries : everything(patch);
  return { kind: "restricted", entries: [...without(kept, added), ...added] };
}

/** Whether it takes something away that only a sandbox can hold. */
function needsSandbox({ entries = [], network, protect }: ProfilePatch): boolean {
  const rules = [...(network?.domains ?? []), ...(network?.unixSockets ?? [])];
  return (
    entries.some(({ access }) => access !== "write") ||
    (network?.mode?.value ?? "full") !== "full" ||
    rules.some(({ access }) => access === "deny") ||
    (protect?.git ?? "off") !== "off" ||
    protect?.off?.has("*") === false
  );
}

/** What an unrestricted profile allows, as entries: the host's temporary directories are part of it. */
function everything(patch: ProfilePatch): readonly Entry[] {
  return [":root", ":slash_tmp", ":tmpdir"].map((token) =>
    entryFrom(token, "write", { ...patch.provenance, layer: "builtin" }, `"${token}" = "write"`),
  );
}

function without(base: readonly Entry[], replacing: readonly Entry[]): readonly Entry[] {
  const keys = new Set(replacing.map((entry) => targetKey(entry.target)));
  return base.filter((entry) => !keys.has(targetKey(entry.target)));
}

/** At the same place deny beats read beats write. */
export const accessRank: Readonly<Record<Access, number>> = { deny: 0, read: 1, write: 2 };

function narrowest(entries: readonly Entry[]): readonly Entry[] {
  const byTarget = new Map<string, Entry>();
  for (const entry of entries) {
    const key = targetKey(entry.target);
    const known = byTarget.get(key);
    const narrower = known === undefined || accessRank[entry.access] < accessRank[known.access];
    // In a legacy form a readable root that is writable as well stays writable.
    if (known?.legacy === true && entry.legacy === true ? !narrower : narrower) byTarget.set(key, entry);
  }
  return [...byTarget.values()];
}

function applyNetwork(base: NetworkPolicy, patch: ProfilePatch["network"]): NetworkPolicy {
  if (patch === undefined) return base;
  const modeText = patch.mode === undefined ? base.modeText : patch.mode.text;
  return {
    mode: patch.mode?.value ?? base.mode,
    modeProvenance: patch.mode?.provenance ?? base.modeProvenance,
    ...(modeText !== undefined && { modeText }),
    bundles: [...new Set([...base.bundles, ...(patch.bundles ?? [])])],
    domains: overlay(base.domains, patch.domains, patternOf),
    http: overlay(base.http, patch.http, patternOf),
    credentials: overlay(base.credentials, patch.credentials, nameOf),
    unixSockets: overlay(base.unixSockets, patch.unixSockets, pathOf),
  };
}

/** What the patch lists is added; `set` goes by name. */
function applyEnvironment(base: EnvironmentPolicy, patch: ProfilePatch["environment"]): EnvironmentPolicy {
  if (patch === undefined) return base;
  const include = patch.include ?? [];
  // To inherit less than everything takes an "everything" from below back.
  const narrows = patch.inherit !== undefined && patch.inherit !== "all";
  const known = narrows ? base.include.filter((name) => name !== "*") : base.include;
  return {
    inherit: patch.inherit ?? base.inherit,
    include: [...new Set([...known, ...include])],
    // A name that is included by name is no longer excluded from below.
    exclude: [...new Set([...base.exclude.filter((name) => !include.includes(name)), ...(patch.exclude ?? [])])],
    set: new Map([...base.set, ...(patch.set ?? [])]),
    provenance: patch.provenance,
  };
}

const patternOf = (rule: { readonly pattern: string }): string => rule.pattern.toLowerCase();
const nameOf = (rule: { readonly name: string }): string => rule.name;
const pathOf = (rule: { readonly path: string }): string => rule.path;

function overlay<T>(base: readonly T[], over: readonly T[] | undefined, key: (rule: T) => string): readonly T[] {
  const replaced = new Set((over ?? []).map(key));
  return [...base.filter((rule) => !replaced.has(key(rule))), ...(over ?? [])];
}
