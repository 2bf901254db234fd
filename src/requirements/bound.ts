import type { Config, Feature } from "../config/index.ts";
import { emptyProfile, escapeText, mode, selectProfile } from "../policy/index.ts";
import type { Entry, Profile, Provenance, SandboxMode } from "../policy/index.ts";
import { conflict, constrain, showPlace, showPlaces, typed, whyNot } from "./constrained.ts";
import type { Exception } from "./exceptions.ts";
import { layerFrom, layerName, modeLayer, profileLayer } from "./layers.ts";
import type { PolicyLayer } from "./layers.ts";
import type { Requirements } from "./model.ts";

/** A configuration that goes nowhere beyond the requirements. */
export interface BoundConfig extends Config {
  readonly managed: {
    /** In force for this run: to be recorded. */
    readonly exceptions: readonly Exception[];
    /** What these refuse is recorded, and allowed. */
    readonly reported: readonly PolicyLayer[];
    /** Rungs that may be used; null for all. */
    readonly backends: readonly string[] | null;
  };
}

/**
 * The meet of both. Errors: `requirements_conflict` where something was typed that the requirements forbid, or where
 * what would take its place is wider.
 */
export function bound(config: Config, requirements: Requirements): BoundConfig {
  const nothing = { exceptions: [], reported: [], backends: null };
  if (requirements.sources.length === 0) return { ...config, managed: nothing };
  refuseRedefinitions(config, requirements);
  const profiles = boundProfiles(config, requirements);
  const modes = boundMode(config, requirements);
  const enforced = requirements.layers.flatMap((layers) => layers.enforced);
  const own = withManagedNetwork(config.profile, requirements);
  const pinned = pinnedNetwork(config.profile, requirements);
  const features = boundFeatures(config, requirements);
  const audit = requirements.merged("audit")?.value === "required" ? "required" : config.audit;
  const layers = [
    ...config.policy.layers.map((layer, index) => (index === 0 ? { ...layer, profile: own } : layer)),
    ...profiles.layers,
    ...modes.layers,
    ...pinned,
    ...enforced,
  ];
  refuseWithoutSandbox(layers, requirements);
  return {
    ...config,
    policy: { layers },
    profile: own,
    features: features.value,
    audit,
    warnings: [
      ...config.warnings,
      ...requirements.warnings,
      ...profiles.warnings,
      ...modes.warnings,
      ...features.warnings,
      ...limitWarnings(config.profile, requirements),
    ],
    managed: {
      exceptions: requirements.exceptions,
      reported: requirements.layers.flatMap(({ reported }) => reported),
      backends: requirements.backends.allowed,
    },
  };
}

/** A name stands for what the administrator wrote, or for nothing. */
function refuseRedefinitions({ definitions }: Config, { profiles }: Requirements): void {
  for (const [name, { provenance }] of profiles) {
    const own = definitions.get(name);
    if (own === undefined || own.provenance.layer === layerName) continue;
    throw conflict(
      `profile ${JSON.stringify(name)} is defined in ${showPlace(own.provenance)}, and is the administrator's (${showPlace(provenance)})`,
      [provenance],
    );
  }
}

interface Outcome {
  readonly layers: readonly PolicyLayer[];
  readonly warnings: readonly string[];
}

/**
 * By name: each source leaves no more than the profile that is used allows, or, where it does not list that one, than
 * the one that comes first in its place. Each chooses for itself: profiles are no steps of one ladder, so that another
 * source's choice could be wider in some respect.
 */
function boundProfiles({ profile, chosenBy }: Config, requirements: Requirements): Outcome {
  const { permissionProfiles, profiles, defaultPermissions, network } = requirements;
  const named = (name: string): Profile => selectProfile(name, profiles);
  const first = (names: readonly string[], preferred: string | undefined): readonly string[] => {
    const rank = (name: string): number => (name === preferred ? -1 : width(named(name)));
    return names.toSorted((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
  };
  const allowed =
    permissionProfiles.allowed === null ? null : first(permissionProfiles.allowed, defaultPermissions?.value);
  const { warning } = constrain({ ...permissionProfiles, allowed }, profile.name, chosenBy);
  const layers = requirements.kept("allowed_permission_profiles").flatMap(({ value, place, source }) => {
    const listed = Object.keys(value).filter((name) => value[name] === true);
    const preferred = requirements.kept("default_permissions").find((said) => said.source === source)?.value;
    const used = listed.includes(profile.name) ? profile.name : first(listed, preferred)[0];
    return used === undefined ? [] : [profileLayer(named(used), place, network.baseline !== null)];
  });
  return { layers, warnings: warning === null || chosenBy.layer === "builtin" ? [] : [warning] };
}

const widths: readonly SandboxMode[] = ["read-only", "workspace-write", "danger-full-access"];

function width(profile: Profile): number {
  return widths.indexOf(mode(profile));
}

/** By what it lets be written, not by its name. */
function boundMode({ profile, chosenBy }: Config, { sandboxModes }: Requirements): Outcome {
  const [place] = sandboxModes.from;
  // What was asked for counts, not what other requirements leave of it: no more of them may turn a refusal into a run.
  const asked = width(profile);
  const own = widths[asked];
  if (place === undefined || own === undefined || whyNot(sandboxModes, own, null) === null)
    return { layers: [], warnings: [] };
  const { said, words } = whoWrites(profile, own) ?? { said: chosenBy, words: null };
  const { value, warning } = constrain(sandboxModes, own, said, (allowed) => widths.indexOf(allowed) < asked, words);
  return {
    layers: [modeLayer(value, profile, place)],
    warnings: warning === null || said.layer === "builtin" ? [] : [warning],
  };
}

/** What was typed that lets as much be written as the whole does, or at all; null where nothing was. */
function whoWrites(
  profile: Profile,
  own: SandboxMode,
): { readonly said: Provenance; readonly words: string | null } | null {
  const { filesystem, network } = profile;
  const isTyped = ({ access, provenance }: Entry): boolean => access === "write" && typed.has(provenance.layer);
  const [writing, others] = [filesystem.entries.filter(isTyped), filesystem.entries.filter((one) => !isTyped(one))];
  const isWidest = (entry: Entry): boolean =>
    mode({ ...profile, filesystem: { ...filesystem, entries: [...others, entry] } }) === own;
  const entry = writing.find(isWidest) ?? writing[0];
  if (entry !== undefined) return { said: entry.provenance, words: escapeText(entry.text) };
  const socket = network.unixSockets.find(
    ({ access, provenance }) => access === "allow" && typed.has(provenance.layer),
  );
  return socket === undefined ? null : { said: socket.provenance, words: null };
}

/** Managed destinations join the user's own where the network is restricted: what is off stays off. */
function withManagedNetwork(profile: Profile, { network: managed }: Requirements): Profile {
  const { network } = profile;
  const local = managed.closesLocal !== null;
  const domains = [...network.domains, ...(network.mode === "restricted" ? managed.domains : [])];
  const named = new Set(managed.credentials.map(({ name }) => name));
  return {
    ...profile,
    network: {
      ...network,
      // A name that leads to a private address is one, whatever it is called.
      domains: local ? domains.map((rule) => ({ ...rule, resolveTo: [] })) : domains,
      unixSockets: network.mode === "off" ? network.unixSockets : [...network.unixSockets, ...managed.sockets],
      // Nobody puts another credential in the place of the organisation's by calling it the same.
      credentials: [...network.credentials.filter(({ name }) => !named.has(name)), ...managed.credentials],
    },
  };
}

/** Who has every destination has the managed ones instead, where there are such. */
function pinnedNetwork({ network }: Profile, { network: { baseline, domains } }: Requirements): readonly PolicyLayer[] {
  if (network.mode !== "full" || baseline === null) return [];
  return [
    layerFrom(baseline, {
      network: { mode: { value: "restricted", provenance: baseline, text: "allowed_domains" }, domains },
    }),
  ];
}

function boundFeatures(
  { features }: Config,
  requirements: Requirements,
): { readonly value: Config["features"]; readonly warnings: readonly string[] } {
  const pinned = requirements.merged("features");
  if (pinned === null) return { value: features, warnings: [] };
  const value = { ...features };
  const warnings: string[] = [];
  for (const name of Object.keys(features).filter((one): one is Feature => Object.hasOwn(features, one))) {
    const on = pinned.value[name];
    if (on === undefined || on === features[name]) continue;
    value[name] = on;
    if (!on) warnings.push(`feature ${name} is off: ${showPlaces(pinned.from)} pins it`);
  }
  return { value, warnings };
}

/** What holds nothing back is the weakest of all ways. */
function refuseWithoutSandbox(layers: readonly PolicyLayer[], { backends }: Requirements): void {
  if (backends.allowed === null || layers.some(({ profile }) => profile.filesystem.kind === "restricted")) return;
  throw conflict(`a run without a sandbox is below enforcement_level (${showPlaces(backends.from)})`, backends.from);
}

/** What was asked for by name, and is not had whole. */
function limitWarnings({ limits, name }: Profile, requirements: Requirements): readonly string[] {
  const kept = requirements.kept("limits");
  if (kept.length === 0) return [];
  const bounds = requirements.layers.flatMap(({ enforced }) => enforced.map(({ profile }) => profile.limits));
  const { limits: usual } = emptyProfile(name);
  return limitKeys.flatMap(([key, member]) => {
    const own = limits[member];
    const least = Math.min(...bounds.flatMap(({ [member]: most }) => (typeof most === "number" ? [most] : [])));
    if (typeof own !== "number" || own === usual[member] || own <= least) return [];
    const from = kept.flatMap(({ value, places }) => (value[key] === undefined ? [] : [places(key)]));
    return [`${key} of profile ${escapeText(name)} is cut down to the limit of ${showPlaces(from)}`];
  });
}

const limitKeys = [
  ["wall_time", "wallTime"],
  ["max_pause", "maxPause"],
  ["memory", "memory"],
  ["data", "data"],
  ["processes", "processes"],
  ["open_files", "openFiles"],
  ["tmp_size", "tmpSize"],
  ["home_size", "homeSize"],
  ["shm_size", "shmSize"],
] as const satisfies readonly (readonly [string, keyof Profile["limits"]])[];
