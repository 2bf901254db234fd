import type { Provenance } from "../model/decision.ts";
import { isForeign } from "../decide/effective.ts";
import { SandboxedError } from "../words/error.ts";
import { protectedProvenance } from "../model/lists.ts";
import type {
  EnvironmentPolicy,
  Limits,
  NetworkMode,
  NetworkPolicy,
  Policy,
  Profile,
  ProtectPolicy,
} from "../model/model.ts";
import { components, fromComponents, joinPath, rootPath } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import { resolveLayer } from "./layer.ts";
import type { Places, ProtectedPath, ResolvedEntry, ResolvedLayer, ResolvedPolicy } from "../model/resolved.ts";
import type { Access, EntryOrigin } from "../model/rule.ts";

/**
 * Tokens expanded, paths canonical. Two layers of the tool's own are appended unless nothing is restricted: its state,
 * which nobody may open, and the protected names, which each of the other layers may give free.
 * Errors: `policy_invalid`.
 */
export function resolve(policy: Policy, places: Places): ResolvedPolicy {
  const profiles = policy.layers.map(({ profile }) => profile);
  const [first] = profiles;
  if (first === undefined) throw new SandboxedError("policy_invalid", "a policy needs at least one profile");
  const layers = policy.layers.map(({ layer, profile, chosenBy }): ResolvedLayer => {
    const resolved = resolveLayer(layer, profile, places);
    return chosenBy === undefined ? resolved : { ...resolved, chosenBy };
  });
  if (layers.some(({ kind }) => kind === "restricted")) {
    layers.push(ownLayer(places.toolState.map((path) => ownEntry(path, "deny", "state", "the tool's own state", own))));
    layers.push(ownLayer(protectedEntries(profiles, layers, places)));
  }
  return {
    profile: first.name,
    layers,
    networkMode: profiles.map(({ network }) => network.mode).reduce(leastMode),
    environment: boundEnvironment(
      policy.layers.map(({ layer, profile: { environment }, chosenBy }) => {
        const isSaid = !isForeign(layer) || isForeign(environment.provenance.layer);
        return isSaid || chosenBy === undefined ? environment : { ...environment, provenance: chosenBy };
      }),
    ),
    limits: profiles.map(({ limits }) => limits).reduce(leastLimits),
    protect: profiles.map(({ protect }) => protect).reduce(strictestProtection),
    denyGlob: profiles.some(({ denyGlob }) => denyGlob === "strict") ? "strict" : "snapshot",
    places,
  };
}

/**
 * The same with other protected paths: they are found under the writable roots, which only a resolved policy tells.
 * `policy` is what `resolved` was made from, and its places are the same but for them.
 */
export function withProtectedPaths(
  resolved: ResolvedPolicy,
  policy: Policy,
  protectedPaths: readonly ProtectedPath[],
): ResolvedPolicy {
  const places = { ...resolved.places, protectedPaths };
  const layers = resolved.layers.slice(0, policy.layers.length);
  if (layers.length === resolved.layers.length) return { ...resolved, places };
  const profiles = policy.layers.map(({ profile }) => profile);
  const named = ownLayer(protectedEntries(profiles, layers, places));
  return { ...resolved, places, layers: [...resolved.layers.slice(0, -1), named] };
}

const own: Provenance = { layer: "invariant", file: null, line: null, column: null, owner: "sandboxed-run" };

/** Says nothing about the network, and everything else that is not listed is open. */
const neutralNetwork: NetworkPolicy = {
  mode: "full",
  modeProvenance: own,
  domains: [],
  http: [],
  credentials: [],
  bundles: [],
  unixSockets: [{ path: "/**", access: "allow", dangerous: true, provenance: own }],
};

function ownLayer(entries: readonly ResolvedEntry[]): ResolvedLayer {
  return {
    layer: "invariant",
    kind: "restricted",
    entries: [ownEntry(rootPath, "write", "grant", "everything else", own), ...entries],
    denyGlobs: [],
    shadowed: { entries: [], denyGlobs: [] },
    network: neutralNetwork,
  };
}

function ownEntry(
  path: AbsolutePath,
  access: Access,
  origin: EntryOrigin,
  text: string,
  provenance: Provenance,
): ResolvedEntry {
  const entry = { target: { kind: "path", path }, access, origin, text, provenance } as const;
  return { path, access, private: false, entry };
}

/** A name stays protected as long as one profile protects it. */
function protectedEntries(
  profiles: readonly Profile[],
  layers: readonly ResolvedLayer[],
  places: Places,
): readonly ResolvedEntry[] {
  const entries = new Map<AbsolutePath, ResolvedEntry>();
  profiles.forEach(({ protect, filesystem }, index) => {
    if (filesystem.kind !== "restricted") return;
    const freed = new Set(
      layers[index]?.entries
        .filter(({ access, entry }) => access === "write" && entry.provenance.layer !== "builtin")
        .map(({ path }) => path),
    );
    const provenance = foreignPlace(layers[index], protect.provenance);
    for (const protectedPath of guarded(places, protect)) {
      const { path, list, name } = protectedPath;
      const off = list === "git" ? protect.git === "off" : protect.off.has(name) || protect.off.has("*");
      if (off || freed.has(path)) continue;
      entries.set(path, ownEntry(path, "read", "protected", name, provenance ?? protectedProvenance(name)));
    }
  });
  return [...entries.values()];
}

/** Who else than the caller protects it: then no option of the caller's gives it free. */
function foreignPlace(layer: ResolvedLayer | undefined, said: Provenance): Provenance | null {
  if (layer === undefined || !isForeign(layer.layer)) return null;
  return isForeign(said.layer) ? said : (layer.chosenBy ?? null);
}

/** With `protect.git = "all"` the whole of each repository's own directory, whether it exists yet or not. */
function guarded(places: Places, protect: ProtectPolicy): readonly ProtectedPath[] {
  if (protect.git !== "all") return places.protectedPaths;
  const whole = new Map<AbsolutePath, ProtectedPath>();
  const add = (path: AbsolutePath, root: AbsolutePath): void => {
    whole.set(path, { path, kind: "directory", list: "git", name: ".git", root });
  };
  for (const root of places.workspaceRoots) add(joinPath(root, ".git"), root);
  for (const { path, list, root } of places.protectedPaths) {
    const names = components(path);
    const at = names.indexOf(".git", components(root).length);
    if (list === "git" && at >= 0) add(fromComponents(names.slice(0, at + 1)), root);
  }
  return [...places.protectedPaths, ...whole.values()];
}

const modes: readonly NetworkMode[] = ["off", "restricted", "full"];

function leastMode(one: NetworkMode, other: NetworkMode): NetworkMode {
  return modes.indexOf(one) < modes.indexOf(other) ? one : other;
}

function boundEnvironment(environments: readonly EnvironmentPolicy[]): EnvironmentPolicy {
  const [first, ...bounds] = environments;
  if (first === undefined) throw new SandboxedError("internal", "a policy without a profile has no environment");
  return bounds.length === 0 ? first : { ...first, bounds };
}

/** `"auto"` is the tool's default, not somebody's bound: a number is more exact and holds. */
function leastLimits(one: Limits, other: Limits): Limits {
  const memory =
    one.memory === "auto" || other.memory === "auto"
      ? automatic(one.memory, other.memory)
      : least(one.memory, other.memory);
  return {
    wallTime: least(one.wallTime, other.wallTime),
    maxPause: Math.min(one.maxPause, other.maxPause),
    memory,
    data: least(one.data, other.data),
    processes: Math.min(one.processes, other.processes),
    openFiles: Math.min(one.openFiles, other.openFiles),
    tmpSize: Math.min(one.tmpSize, other.tmpSize),
    homeSize: Math.min(one.homeSize, other.homeSize),
    shmSize: Math.min(one.shmSize, other.shmSize),
  };
}

function automatic(one: Limits["memory"], other: Limits["memory"]): Limits["memory"] {
  if (typeof one === "number") return one;
  return typeof other === "number" ? other : "auto";
}

function least(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}

const gitLevels: readonly ProtectPolicy["git"][] = ["off", "metadata", "all"];

function strictestProtection(one: ProtectPolicy, other: ProtectPolicy): ProtectPolicy {
  return {
    git: gitLevels.indexOf(one.git) > gitLevels.indexOf(other.git) ? one.git : other.git,
    off: one.off.has("*")
      ? other.off
      : other.off.has("*")
        ? one.off
        : new Set([...one.off].filter((name) => other.off.has(name))),
    missing: one.missing === "strict" ? "strict" : other.missing,
    provenance: one.provenance,
  };
}
