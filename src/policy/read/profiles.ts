import {
  dangerFullAccess,
  dangerFullAccessSource,
  isolated,
  isolatedSource,
  readOnly,
  readOnlySource,
  workspace,
  workspaceSource,
} from "../../generated/data.ts";
import type { Provenance } from "../model/decision.ts";
import { SandboxedError } from "../words/error.ts";
import { credentialEntries, lazily } from "../model/lists.ts";
import type { Limits, Profile, ProfilePatch } from "../model/model.ts";
import { didYouMean } from "../words/nearest.ts";
import { applyPatch } from "../model/patch.ts";
import { at } from "../words/place.ts";
import { readProfile } from "./profile.ts";
import type { RawProfile } from "./schema.ts";
import { placeOfKey } from "../words/toml-place.ts";

export const builtinProfileNames = [":isolated", ":workspace", ":read-only", ":danger-full-access"] as const;

const files = {
  ":isolated": { value: isolated, source: isolatedSource },
  ":workspace": { value: workspace, source: workspaceSource },
  ":read-only": { value: readOnly, source: readOnlySource },
  ":danger-full-access": { value: dangerFullAccess, source: dangerFullAccessSource },
};

const GiB = 1024 ** 3;

const defaultLimits: Limits = {
  wallTime: null,
  maxPause: 30 * 60_000,
  memory: "auto",
  data: null,
  processes: 4096,
  openFiles: 4096,
  tmpSize: GiB,
  homeSize: GiB,
  shmSize: GiB,
};

const own: Provenance = { layer: "builtin", file: null, line: null, column: null, owner: "sandboxed-run" };

/** What a profile that extends nothing starts from: nothing granted, credentials denied, no destination allowed. */
export function emptyProfile(name: string): Profile {
  return {
    name,
    description: "",
    filesystem: { kind: "restricted", entries: credentialEntries() },
    network: {
      mode: "restricted",
      modeProvenance: own,
      domains: [],
      http: [],
      credentials: [],
      bundles: [],
      unixSockets: [],
    },
    environment: { inherit: "core", include: [], exclude: [], set: new Map(), provenance: own },
    limits: defaultLimits,
    protect: { git: "metadata", off: new Set(), missing: "watch", provenance: own },
    denyGlob: "snapshot",
    workspace: "repo",
    workspaceRoots: [],
  };
}

const built = new Map<string, Profile>();

/** A built-in profile by name, with its colon; null for any other name. */
export function builtinProfile(name: (typeof builtinProfileNames)[number]): Profile;
export function builtinProfile(name: string): Profile | null;
export function builtinProfile(name: string): Profile | null {
  const known = builtinProfileNames.find((candidate) => candidate === name);
  if (known === undefined) return null;
  const made = built.get(known) ?? build(known);
  built.set(known, made);
  return made;
}

function build(name: (typeof builtinProfileNames)[number]): Profile {
  const {
    value,
    source: { file, text },
  } = files[name];
  const tables: Readonly<Record<string, RawProfile>> = value.permissions;
  const patch = readProfile(name, tables[name] ?? {}, (path) => lazily(file, () => placeOfKey(text, path)));
  return applyPatch(emptyProfile(name), { ...patch, kind: value.kind });
}

/**
 * The profile of that name with everything it extends folded in; names of built-in profiles start with a colon.
 * Errors: `policy_invalid` for an unknown name, a built-in one that is defined anew, or a cycle.
 */
export function selectProfile(name: string, patches: ReadonlyMap<string, ProfilePatch>): Profile {
  const chain: ProfilePatch[] = [];
  let current = name;
  for (;;) {
    const patch = patches.get(current);
    if (current.startsWith(":") || patch === undefined) {
      if (patch !== undefined) throw reserved(patch);
      const base = builtinProfile(current);
      if (base === null) throw unknown(current, chain.at(-1), patches);
      return chain.reduceRight(applyPatch, base);
    }
    const repeated = chain.findIndex((earlier) => earlier.name === patch.name);
    if (repeated >= 0) throw cycle([...chain.slice(repeated), patch]);
    chain.push(patch);
    if (patch.extends === undefined) return chain.reduceRight(applyPatch, emptyProfile(name));
    current = patch.extends.name;
  }
}

function reserved(patch: ProfilePatch): SandboxedError {
  return new SandboxedError(
    "policy_invalid",
    `${at(patch.provenance)}the name ${patch.name} belongs to sandboxed-run`,
    {
      hint: `choose another name and write extends = ${JSON.stringify(patch.name)}`,
    },
  );
}

function unknown(
  name: string,
  from: ProfilePatch | undefined,
  patches: ReadonlyMap<string, ProfilePatch>,
): SandboxedError {
  const names = [...patches.keys(), ...builtinProfileNames];
  const where = from?.extends === undefined ? "" : at(from.extends.provenance);
  const what =
    from === undefined ? "there is no profile" : `profile ${JSON.stringify(from.name)} extends an unknown profile`;
  return new SandboxedError("policy_invalid", `${where}${what} ${JSON.stringify(name)}${didYouMean(name, names)}`, {
    hint: `profiles are ${names.join(", ")}`,
  });
}

function cycle(chain: readonly ProfilePatch[]): SandboxedError {
  const names = chain.map((patch) => patch.name).join(" -> ");
  const where = chain.at(-2)?.extends?.provenance;
  return new SandboxedError(
    "policy_invalid",
    `${where ? at(where) : ""}profiles extend each other in a circle: ${names}`,
    {
      hint: "take one extends out",
    },
  );
}
