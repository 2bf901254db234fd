import { at, SandboxedError, selectProfile } from "../policy/index.ts";
import type { ProfilePatch, Provenance, SandboxMode } from "../policy/index.ts";
import { version } from "../generated/version.ts";
import { combine, compareVersions, isMerged } from "./combine.ts";
import type { MergedKey, Stated } from "./combine.ts";
import { conflict, showPlaces } from "./constrained.ts";
import type { Combined, Constrained } from "./constrained.ts";
import { exceptionsOf } from "./exceptions.ts";
import type { Asker } from "./exceptions.ts";
import { matchesHost } from "./host-name.ts";
import { keyNames, keys } from "./keys.ts";
import type { Key } from "./keys.ts";
import { layersOf } from "./layers.ts";
import { checkMeaning, profilesOf } from "./meaning.ts";
import type { EnforcementLevel, Kept, PolicyTest, Requirements } from "./model.ts";
import { mcpAllowlistOf } from "./mcp.ts";
import { networkOf } from "./network.ts";
import type { RawValue } from "./schema.ts";
import { contactIn, readSource, renaming } from "./source.ts";
import type { Source, SourceText } from "./source.ts";
import { trialsOf } from "./trial.ts";

/**
 * The sources, lowest rank first, as what holds for the asker now. Errors: `requirements_parse`,
 * `requirements_schema`, `requirements_conflict`.
 */
export async function assemble(texts: readonly SourceText[], asker: Asker, now: number): Promise<Requirements> {
  const contact = texts.map(contactIn).findLast((one) => one !== null) ?? null;
  const sources: Source[] = [];
  for (const text of texts) sources.push(await readSource(text, contact));
  for (const source of sources) renaming(() => checkMeaning(source));

  const merged = mergedValues(sources, asker);
  checkVersion(merged);
  const profiles = managedProfiles(sources);
  const permissionProfiles = constrained("allowed_permission_profiles", merged, (value) => Object.keys(value ?? {}));
  const defaultPermissions = merged("default_permissions");
  checkProfiles(profiles, permissionProfiles, defaultPermissions);

  const exceptions = sources.map((source) => exceptionsOf(source, asker, now));
  const networks = sources.map((source) => renaming(() => networkOf(source, now)));
  const baseline = networks.find(({ isBaseline }) => isBaseline);
  const changesAt = nextChange(sources, now);
  return {
    sources: sources.map(({ kind, name, owner, isAdministrators }) => ({ kind, name, owner, isAdministrators })),
    supportContact: contact,
    changesAt,
    validUntil: changesAt,
    bundle: null,
    merged,
    kept: (key) => keptValues(sources, key),
    sandboxModes: constrained("allowed_sandbox_modes", merged, (value) => widestFirst(value ?? [])),
    permissionProfiles,
    approvalPolicies: constrained("allowed_approval_policies", merged, (value) => value ?? []),
    approvalReviewers: constrained("allowed_approvals_reviewers", merged, (value) => value ?? []),
    backends: constrained("enforcement_level", merged, (value) => rungs.slice(rungs.indexOf(value ?? "landlock"))),
    profiles,
    defaultPermissions,
    layers: sources.map((source, index) => layersOf(source, exceptions[index] ?? [], now)),
    network: {
      domains: networks.flatMap(({ allowed }) => allowed),
      sockets: networks.flatMap(({ sockets }) => sockets.filter(({ access }) => access === "allow")),
      credentials: networks.flatMap(({ credentials }) => credentials),
      baseline: baseline?.only ?? baseline?.allowed[0]?.provenance ?? null,
      closesLocal: networks.find(({ closesLocal }) => closesLocal !== null)?.closesLocal ?? null,
    },
    mcpAllowlist: mcpAllowlistOf(sources),
    exceptions: exceptions.flat(),
    tests: sources.flatMap(testsOf),
    warnings: [],
    refreshed: null,
  };
}

/** Weakest first. */
const rungs: readonly EnforcementLevel[] = ["landlock", "bwrap-outer-proc", "bwrap"];

function mergedValues(sources: readonly Source[], { hostname }: Asker): Requirements["merged"] {
  const known = new Map<Key, unknown>();
  const merged = <K extends MergedKey>(key: K): Combined<RawValue<K>> | null => {
    if (!known.has(key))
      known.set(
        key,
        combine(
          key,
          sources.flatMap((source) => statedIn(source, key, hostname)),
        ),
      );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was put there under this key
    return known.get(key) as Combined<RawValue<K>> | null;
  };
  // What contradicts itself is found now, not when somebody happens to ask for it.
  for (const key of keyNames) if (isMerged(key)) merged(key);
  return merged;
}

function statedIn<K extends MergedKey>(source: Source, key: K, hostname: string): readonly Stated<RawValue<K>>[] {
  if (key === "allowed_sandbox_modes") {
    const entries = source.get("remote_sandbox_config") ?? [];
    const index = entries.findIndex(({ hostname_patterns: patterns }) => matchesHost(patterns, hostname));
    const entry = entries[index];
    if (entry !== undefined) {
      const place = source.place("remote_sandbox_config", index, "allowed_sandbox_modes");
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the entry lists what this key lists
      return [{ value: entry.allowed_sandbox_modes as RawValue<K>, place }];
    }
  }
  const value = source.get(key);
  return value === undefined ? [] : [{ value, place: source.place(key) }];
}

function keptValues<K extends Key>(sources: readonly Source[], key: K): readonly Kept<RawValue<K>>[] {
  return sources.flatMap((source) => {
    const value = source.get(key);
    return value === undefined
      ? []
      : [{ value, source, place: source.place(key), places: (...rest) => source.place(key, ...rest) }];
  });
}

function constrained<K extends MergedKey, T>(
  key: K,
  merged: Requirements["merged"],
  allowed: (value: RawValue<K> | null) => readonly T[],
): Constrained<T> {
  const held = merged(key);
  return {
    key,
    allowed: held === null ? null : allowed(held.value),
    from: held?.from ?? [],
    conflict: keys[key].conflict,
    isSame: (one, other) => JSON.stringify(one) === JSON.stringify(other),
  };
}

const modes: readonly SandboxMode[] = ["danger-full-access", "workspace-write", "read-only"];

function widestFirst(allowed: readonly SandboxMode[]): readonly SandboxMode[] {
  return modes.filter((mode) => allowed.includes(mode));
}

/** Errors: `requirements_conflict`. */
function checkVersion(merged: Requirements["merged"]): void {
  const least = merged("tool.min_version");
  const most = merged("tool.max_version");
  if (least !== null && compareVersions(version, least.value) < 0) {
    throw conflict(
      `version ${version} of this tool is older than ${least.value}, tool.min_version (${showPlaces(least.from)})`,
      least.from,
    );
  }
  if (most !== null && compareVersions(version, most.value) > 0) {
    throw conflict(
      `version ${version} of this tool is newer than ${most.value}, tool.max_version (${showPlaces(most.from)})`,
      most.from,
    );
  }
}

/** `merged` has found them to be the same wherever two sources define one. */
function managedProfiles(sources: readonly Source[]): ReadonlyMap<string, ProfilePatch> {
  return new Map(sources.flatMap((source) => [...profilesOf(source)]));
}

/** A name that means nothing is a mistake of the administrator's. */
function checkProfiles(
  profiles: ReadonlyMap<string, ProfilePatch>,
  allowed: Constrained<string>,
  preferred: Combined<string> | null,
): void {
  const known = (name: string, from: readonly Provenance[]): void => {
    renaming(() => {
      try {
        selectProfile(name, profiles);
      } catch (error) {
        throw located(from, error);
      }
    });
  };
  for (const name of profiles.keys()) known(name, []);
  for (const name of allowed.allowed ?? []) known(name, allowed.from);
  if (preferred === null) return;
  known(preferred.value, preferred.from);
  if (allowed.allowed?.includes(preferred.value) === false) {
    throw conflict(
      `default_permissions = ${JSON.stringify(preferred.value)} (${showPlaces(preferred.from)}) is not among allowed_permission_profiles (${showPlaces(allowed.from)})`,
      [...preferred.from, ...allowed.from],
    );
  }
}

function located(from: readonly Provenance[], error: unknown): unknown {
  const [first] = from;
  if (first === undefined || !(error instanceof SandboxedError)) return error;
  return new SandboxedError(error.code, at(first) + error.message, {
    ...(error.hint !== null && { hint: error.hint }),
    cause: error,
  });
}

function testsOf(source: Source): readonly PolicyTest[] {
  return (source.get("test") ?? []).map(({ query, expect, because = null }, index) => ({
    query,
    expect,
    because,
    provenance: source.place("test", index),
  }));
}

/** The next time at which an exception ends, a rule that was only reported begins to hold, or a bundle expires. */
function nextChange(sources: readonly Source[], now: number): number | null {
  const times = sources.flatMap((source) => [
    source.get("expires"),
    ...(source.get("exceptions") ?? []).map(({ expires }) => expires),
    ...trialsOf(source).map(([, until]) => until),
  ]);
  const ahead = times.flatMap((time) => (time === undefined ? [] : [Date.parse(time)])).filter((time) => time > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
}
