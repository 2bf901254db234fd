import { formatDuration, formatSize } from "../policy/index.ts";
import type { MaterialisedEntry, Policy, Profile, Provenance } from "../policy/index.ts";
import type { Config } from "./load.ts";

/** One value in force, who said it, and so whom to ask to change it. */
export interface EffectiveValue {
  /** As it would be written below a profile, or at the top of the file. */
  readonly key: string;
  readonly value: string;
  readonly from: Provenance;
}

type PolicyLayer = Policy["layers"][number];

/** Every value that a run goes by. `files` is what the policy comes to on this machine. */
export function effectiveValues(config: Config, files: readonly MaterialisedEntry[]): readonly EffectiveValue[] {
  const { policy, chosenBy, profile, audit, features, origins } = config;
  const { layers } = policy;
  const [own] = layers;
  if (own === undefined) return [];
  const named = (key: string, value: string): EffectiveValue => ({ key, value, from: originOf(own, key) });
  const { environment } = profile;
  const lists = ["include", "exclude"] as const;
  return [
    { key: "profile", value: profile.name, from: chosenBy },
    ...layers.flatMap(({ layer, profile: { name }, chosenBy: by }) =>
      layer === "ceiling" && by !== undefined ? [{ key: "ceiling", value: name, from: by }] : [],
    ),
    ...files.map(({ path, access, where, entry }) => ({
      key: `filesystem.${JSON.stringify(path)}`,
      value: where === "private" ? `${access}, private` : access,
      from: entry?.provenance ?? builtin,
    })),
    networkMode(layers),
    ...layers.flatMap(networkRules),
    named("environment.inherit", environment.inherit),
    ...lists.flatMap((list) =>
      environment[list].map((name) => ({ key: `environment.${list}`, value: name, from: environment.provenance })),
    ),
    ...[...environment.set.keys()].map((name) => ({
      key: "environment.set",
      value: name,
      from: environment.provenance,
    })),
    ...limits(layers),
    protection(layers),
    ...[...profile.protect.off].map((name) => ({ key: "protect.off", value: name, from: profile.protect.provenance })),
    least(
      layers,
      "deny_glob",
      ({ denyGlob }) => (denyGlob === "strict" ? 0 : 1),
      ({ denyGlob }) => denyGlob,
    ),
    named("workspace", profile.workspace),
    { key: "audit", value: audit, from: origins.get("audit") ?? builtin },
    ...Object.entries(features).map(([name, on]) => ({
      key: `features.${name}`,
      value: String(on),
      from: origins.get(`features.${name}`) ?? builtin,
    })),
  ];
}

const builtin: Provenance = { layer: "builtin", file: null, line: null, column: null, owner: "sandboxed-run" };

function originOf({ profile, chosenBy, layer }: PolicyLayer, key: string): Provenance {
  const said = profile.origins?.get(key);
  // In a layer that bounds, what nobody said was said by who chose the profile.
  return said ?? (layer === "ceiling" || layer === "requirements" ? (chosenBy ?? builtin) : builtin);
}

/** Of several layers the one that leaves least; of equals the lowest. */
function least(
  layers: readonly PolicyLayer[],
  key: string,
  rank: (profile: Profile) => number,
  show: (profile: Profile) => string,
): EffectiveValue {
  const [first, ...others] = layers;
  if (first === undefined) return { key, value: "", from: builtin };
  const chosen = others.reduce((best, next) => (rank(next.profile) < rank(best.profile) ? next : best), first);
  return { key, value: show(chosen.profile), from: originOf(chosen, key) };
}

const modes = ["off", "restricted", "full"] as const;

function networkMode(layers: readonly PolicyLayer[]): EffectiveValue {
  const key = "network.mode";
  const { value } = least(
    layers,
    key,
    ({ network }) => modes.indexOf(network.mode),
    ({ network }) => network.mode,
  );
  const holder = layers.find(({ profile }) => profile.network.mode === value);
  const said = holder?.profile.network.modeProvenance ?? builtin;
  const isBound = holder?.layer === "ceiling" || holder?.layer === "requirements";
  return { key, value, from: said.layer === "builtin" && isBound ? (holder.chosenBy ?? said) : said };
}

function networkRules({ profile: { network } }: PolicyLayer): readonly EffectiveValue[] {
  const { domains, unixSockets } = network;
  return [
    ...domains.map(({ pattern, access, provenance }) => ({
      key: `network.domains.${JSON.stringify(pattern)}`,
      value: access,
      from: provenance,
    })),
    ...unixSockets
      .filter(({ provenance }) => provenance.layer !== "invariant")
      .map(({ path, access, provenance }) => ({
        key: `network.unix_sockets.${JSON.stringify(path)}`,
        value: access,
        from: provenance,
      })),
  ];
}

function limits(layers: readonly PolicyLayer[]): readonly EffectiveValue[] {
  const time = (amount: number): string => formatDuration(amount);
  const rows = [
    ["wall_time", (profile: Profile) => profile.limits.wallTime, time],
    ["max_pause", (profile: Profile) => profile.limits.maxPause, time],
    ["memory", (profile: Profile) => profile.limits.memory, formatSize],
    ["data", (profile: Profile) => profile.limits.data, formatSize],
    ["processes", (profile: Profile) => profile.limits.processes, String],
    ["open_files", (profile: Profile) => profile.limits.openFiles, String],
    ["tmp_size", (profile: Profile) => profile.limits.tmpSize, formatSize],
    ["home_size", (profile: Profile) => profile.limits.homeSize, formatSize],
    ["shm_size", (profile: Profile) => profile.limits.shmSize, formatSize],
  ] as const;
  return rows.map(([name, of, format]) =>
    least(
      layers,
      `limits.${name}`,
      (profile) => amountOf(of(profile)),
      (profile) => {
        const value = of(profile);
        return value === null || value === Infinity ? "none" : value === "auto" ? "auto" : format(value);
      },
    ),
  );
}

/** A number is more exact than the tool's own default. */
function amountOf(value: number | "auto" | null): number {
  return value === null ? Infinity : value === "auto" ? Number.MAX_SAFE_INTEGER : value;
}

function protection(layers: readonly PolicyLayer[]): EffectiveValue {
  const levels = ["all", "metadata", "off"] as const;
  return least(
    layers,
    "protect.git",
    ({ protect }) => levels.indexOf(protect.git),
    ({ protect }) => protect.git,
  );
}
