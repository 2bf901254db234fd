import {
  at,
  applyPatch,
  builtinProfile,
  builtinProfileNames,
  emptyProfile,
  mergePatches,
  didYouMean,
  readLegacy,
  SandboxedError,
  selectProfile,
} from "../policy/index.ts";
import type { Profile, ProfilePatch, Provenance, RawLegacySettings } from "../policy/index.ts";
import { where } from "./document.ts";
import { flagProvenance } from "./flags.ts";
import type { ConfigLayer, Sources } from "./layers.ts";
import { placed } from "./located.ts";
import { projectDefinitions } from "./project.ts";

/** Where a run starts when nobody says anything. */
export const defaultProfile = ":isolated";

export interface Selection {
  readonly profile: Profile;
  /** Who chose it. */
  readonly provenance: Provenance;
}

export interface Selected {
  readonly own: Selection;
  /** What the project takes away, by a profile of its own. Null when the project says nothing. */
  readonly project: Selection | null;
  /** Every profile that can be named, with the text that defines it. */
  readonly definitions: ReadonlyMap<string, ProfilePatch>;
  readonly warnings: readonly string[];
}

const builtinChoice: Provenance = { layer: "builtin", file: null, line: null, column: null, owner: "sandboxed-run" };

/**
 * Chooses the profile of each authority. `named` is `--permissions NAME`. A name that only the project defines narrows
 * what the user has anyway. Errors: `policy_invalid`, `usage`.
 */
export function selectProfiles(sources: Pick<Sources, "own" | "project" | "managed">, named: string | null): Selected {
  const own = definitionsOf(sources.own, sources.managed.profiles);
  const all = sources.project === null ? own : merged(own, sources.project.profiles);
  // A circle or an unknown name in a profile that is not used today is still a mistake.
  for (const name of own.keys()) selectProfile(name, own);
  const theirs = projectDefinitions(own, sources.project?.profiles ?? new Map());
  if (sources.project !== null) for (const name of sources.project.profiles.keys()) selectProfile(name, theirs);

  const { selection: usual, warnings } = usualProfile(sources, own);
  const isOwn = named !== null && (own.has(named) || builtinProfile(named) !== null);
  if (named !== null && !isOwn && !all.has(named)) throw unknownName(named, all);
  const chosen = isOwn ? { profile: selectProfile(named, own), provenance: flagProvenance } : usual;
  const projectName = named !== null && !isOwn ? named : null;
  const project = projectSelection(sources.project, theirs, projectName, chosen.profile.name);
  const narrowed = named === null || project === null ? [] : narrowingText(named, chosen, project, isOwn);
  return { own: chosen, project, definitions: all, warnings: [...warnings, ...narrowed] };
}

/** Whoever names a profile expects to have it: what a project takes of it is told. */
function narrowingText(named: string, chosen: Selection, project: Selection, isOwn: boolean): readonly string[] {
  if (isOwn && project.profile.name === named && named.startsWith(":")) return [];
  const place = at(project.provenance);
  return isOwn
    ? [`${place}the project narrows ${named} to what its profile ${project.profile.name} allows as well`]
    : [
        `${place}${named} is the project's alone, so it only narrows ${chosen.profile.name}; sandboxed trust lets it grant`,
      ];
}

function definitionsOf(
  layers: readonly ConfigLayer[],
  managed: ReadonlyMap<string, ProfilePatch>,
): ReadonlyMap<string, ProfilePatch> {
  let definitions = managed;
  for (const layer of layers) definitions = merged(definitions, layer.profiles);
  return definitions;
}

function merged(
  lower: ReadonlyMap<string, ProfilePatch>,
  higher: ReadonlyMap<string, ProfilePatch>,
): ReadonlyMap<string, ProfilePatch> {
  const both = new Map(lower);
  for (const [name, patch] of higher) {
    const known = both.get(name);
    both.set(name, known === undefined ? patch : mergePatches(known, patch));
  }
  return both;
}

/** What the user's own files choose: the highest that chooses at all. */
function usualProfile(
  { own: layers, managed }: Pick<Sources, "own" | "managed">,
  definitions: ReadonlyMap<string, ProfilePatch>,
): { readonly selection: Selection; readonly warnings: readonly string[] } {
  const layer = layers.findLast(({ raw }) => raw.default_permissions !== undefined || raw.sandbox_mode !== undefined);
  const older = layers.findLast(({ raw }) => raw.sandbox_workspace_write !== undefined);
  const unused = older !== undefined && layer?.raw.sandbox_mode !== "workspace-write";
  const warnings = unused
    ? [
        `${where(older.document, ["sandbox_workspace_write"])}sandbox_workspace_write has no effect: sandbox_mode is not workspace-write`,
      ]
    : [];
  if (layer === undefined) {
    const { value, from } = managed.defaultPermissions ?? { value: defaultProfile, from: [] };
    const provenance = from[0] ?? builtinChoice;
    return { selection: { profile: selectProfile(value, definitions), provenance }, warnings };
  }
  const { document, raw } = layer;
  if (raw.default_permissions === undefined) {
    return {
      selection: { profile: legacyProfile(layers), provenance: document.provenance(["sandbox_mode"]) },
      warnings,
    };
  }
  const name = raw.default_permissions;
  if (!definitions.has(name) && builtinProfile(name) === null) {
    throw placed(where(document, ["default_permissions"]), unknownName(name, definitions));
  }
  const provenance = document.provenance(["default_permissions"]);
  return { selection: { profile: selectProfile(name, definitions), provenance }, warnings };
}

/** The older keys, key by key from the highest layer that has them. */
function legacyProfile(layers: readonly ConfigLayer[]): Profile {
  const mode = layers.findLast(({ raw }) => raw.sandbox_mode !== undefined)?.raw.sandbox_mode;
  const tables = layers.flatMap(({ raw }) => raw.sandbox_workspace_write ?? []);
  const raw: RawLegacySettings = {
    ...(mode !== undefined && { sandbox_mode: mode }),
    ...(tables.length > 0 && {
      sandbox_workspace_write: tables.reduce((lower, higher) => ({ ...lower, ...higher }), {}),
    }),
  };
  const patch = readLegacy(raw, (path) => {
    const holder = layers.findLast(({ document }) => holds(document.value, path)) ?? layers.at(-1);
    return holder?.document.provenance(path) ?? builtinChoice;
  });
  return applyPatch(emptyProfile(patch.name), patch);
}

function holds(value: unknown, path: readonly string[]): boolean {
  let table = value;
  for (const step of path) {
    if (typeof table !== "object" || table === null || !Object.hasOwn(table, step)) return false;
    table = Object.entries(table).find(([key]) => key === step)?.[1];
  }
  return true;
}

function projectSelection(
  project: ConfigLayer | null,
  all: ReadonlyMap<string, ProfilePatch>,
  named: string | null,
  chosen: string,
): Selection | null {
  if (project === null) return null;
  const { document, raw, profiles } = project;
  const name = named ?? (profiles.has(chosen) ? chosen : (raw.default_permissions ?? null));
  if (name === null) return null;
  const table = profiles.has(name) ? ["permissions", name] : ["default_permissions"];
  if (!all.has(name) && builtinProfile(name) === null) throw placed(where(document, table), unknownName(name, all));
  return { profile: selectProfile(name, all), provenance: document.provenance(table) };
}

function unknownName(name: string, definitions: ReadonlyMap<string, ProfilePatch>): SandboxedError {
  const names = [...definitions.keys(), ...builtinProfileNames];
  return new SandboxedError("policy_invalid", `there is no profile ${JSON.stringify(name)}${didYouMean(name, names)}`, {
    hint: `profiles are ${names.join(", ")}`,
  });
}
