import {
  credentials,
  credentialsSource,
  environment,
  environmentSource,
  protected_ as protection,
  protectedSource,
} from "../../generated/data.ts";
import type { Provenance } from "./decision.ts";
import { compileGlob } from "../names/glob.ts";
import type { CompiledGlob } from "../names/glob.ts";
import type { Entry } from "./rule.ts";
import { readTarget } from "./target.ts";
import { placeOfValue } from "../words/toml-place.ts";

/** One line of `sandbox-profiles/credentials.toml`: `~/.ssh`, `~/.yarnrc*`, `/etc/shadow`. */
export interface CredentialPath {
  readonly pattern: string;
  readonly provenance: Provenance;
}

/** Files that run on the host when somebody sets them off. */
export interface HandOffList {
  readonly category: string;
  /** When it runs, in a few words. */
  readonly why: string;
  readonly patterns: readonly string[];
}

/** What lets somebody act as the user elsewhere. */
export function credentialPaths(): readonly CredentialPath[] {
  return [
    ...credentials.home.map((name) => ({ pattern: `~/${name}`, provenance: listed(credentialsSource, name) })),
    ...credentials.system.map((path) => ({ pattern: path, provenance: listed(credentialsSource, path) })),
  ];
}

let credentialDenies: readonly Entry[] | null = null;

/** The credential list as entries of a profile. */
export function credentialEntries(): readonly Entry[] {
  credentialDenies ??= credentialPaths().map(({ pattern, provenance }) => ({
    target: readTarget(pattern, "deny"),
    access: "deny",
    origin: "credential",
    text: `${JSON.stringify(pattern)} = "deny"`,
    provenance,
  }));
  return credentialDenies;
}

let sockets: readonly CompiledGlob[] | null = null;

/** Sockets that hand out the host to whoever connects: Docker, D-Bus, X11, tmux. */
export function isDangerousSocket(names: readonly string[]): boolean {
  sockets ??= credentials.dangerous_sockets.map((path) => compileGlob(path.startsWith("/") ? path : `/${path}`));
  return sockets.some((glob) => glob.matchDepth(names) > 0);
}

/** `git`: relative to a work tree. `tools`: at the top of every writable root. */
export function protectedNames(): { readonly git: readonly string[]; readonly tools: readonly string[] } {
  return { git: protection.git, tools: protection.tools };
}

/** Where a protected name is listed. */
export function protectedProvenance(name: string): Provenance {
  return listed(protectedSource, name);
}

export function handOffLists(): readonly HandOffList[] {
  return protection.hand_off;
}

/** Most patterns are one name at any depth: those are found by the name, the rest one after the other. */
interface HandOffIndex {
  readonly byName: ReadonlyMap<string, number>;
  readonly patterns: readonly { readonly glob: CompiledGlob; readonly list: number }[];
}

let handOff: HandOffIndex | null = null;

/** The first list that holds a path relative to a workspace root; null when none does. */
export function handOffCategory(relative: string): HandOffList | null {
  const { byName, patterns } = (handOff ??= indexHandOff());
  const names = relative.split("/").filter((name) => name !== "" && name !== ".");
  const named = byName.get(names.at(-1) ?? "") ?? Number.POSITIVE_INFINITY;
  const matching = patterns.find(({ glob, list }) => list >= named || glob.matchDepth(names) === names.length);
  return handOffLists()[Math.min(named, matching?.list ?? Number.POSITIVE_INFINITY)] ?? null;
}

function indexHandOff(): HandOffIndex {
  const byName = new Map<string, number>();
  const patterns: { glob: CompiledGlob; list: number }[] = [];
  handOffLists().forEach((held, list) => {
    for (const pattern of held.patterns) {
      const glob = compileGlob(`/${pattern}`);
      if (glob.anywhere === null) patterns.push({ glob, list });
      else if (!byName.has(glob.anywhere)) byName.set(glob.anywhere, list);
    }
  });
  return { byName, patterns };
}

/** Patterns of variable names, as `sandbox-profiles/environment.toml` lists them. */
export const variables = environment;

export function variableProvenance(pattern: string): Provenance {
  return listed(environmentSource, pattern);
}

/** The line is looked up when somebody asks for it: few entries are ever shown. */
function listed(data: { readonly file: string; readonly text: string }, value: string): Provenance {
  return lazily(data.file, () => placeOfValue(data.text, value));
}

/** Provenance in a data file of the tool. */
export function lazily(file: string, find: () => { readonly line: number; readonly column: number }): Provenance {
  return {
    layer: "builtin",
    file,
    get line() {
      return find().line;
    },
    get column() {
      return find().column;
    },
    owner: "sandboxed-run",
  };
}
