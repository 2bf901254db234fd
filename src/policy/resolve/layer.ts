import type { Provenance } from "../model/decision.ts";
import { compileGlob } from "../names/glob.ts";
import type { Profile } from "../model/model.ts";
import { accessRank } from "../model/patch.ts";
import { components, fromComponents, isWithin, knownNormal, parentPath } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import type { Layer } from "../model/decision.ts";
import { isTooBroad, resolveEntry, resolveGlob } from "./target.ts";
import type { Places, ResolvedEntry, ResolvedGlob, ResolvedLayer } from "../model/resolved.ts";
import type { Access } from "../model/rule.ts";

/** One authority's profile for this machine. Errors: `policy_invalid`. */
export function resolveLayer(layer: Layer, profile: Profile, places: Places): ResolvedLayer {
  const { filesystem, network } = profile;
  const nothing = { entries: [], denyGlobs: [], shadowed: { entries: [], denyGlobs: [] } };
  if (filesystem.kind !== "restricted") return { layer, kind: filesystem.kind, ...nothing, network };
  const found = filesystem.entries.flatMap((entry) => resolveEntry(entry, places));
  const entries = withPrivateAreas(onePerPath(withoutRedundantReads(found)), places);
  const globs = filesystem.entries.flatMap((entry) => resolveGlob(entry, places));
  const shadow = shadows(entries);
  return {
    layer,
    kind: "restricted",
    entries: entries.filter((entry) => !shadow.entry(entry)),
    denyGlobs: globs.filter((glob) => !shadow.glob(glob)),
    shadowed: { entries: entries.filter(shadow.entry), denyGlobs: globs.filter(shadow.glob) },
    network,
  };
}

/** In the legacy forms a readable root inside a writable one says nothing new. */
function withoutRedundantReads(entries: readonly ResolvedEntry[]): readonly ResolvedEntry[] {
  const writable = entries.filter(({ entry, access }) => entry.legacy === true && access === "write");
  if (writable.length === 0) return entries;
  return entries.filter(
    ({ entry, access, path }) =>
      entry.legacy !== true || access !== "read" || !writable.some((root) => isWithin(path, root.path)),
  );
}

/** What somebody wrote displaces what is built in; of the rest, deny beats read beats write. */
function onePerPath(entries: readonly ResolvedEntry[]): readonly ResolvedEntry[] {
  const byPath = new Map<AbsolutePath, ResolvedEntry>();
  for (const entry of entries) {
    const known = byPath.get(entry.path);
    if (known === undefined || precedes(entry, known)) byPath.set(entry.path, entry);
  }
  return [...byPath.values()];
}

function precedes(one: ResolvedEntry, other: ResolvedEntry): boolean {
  const builtIn = Number(isBuiltIn(one)) - Number(isBuiltIn(other));
  if (builtIn !== 0) return builtIn < 0;
  const rank = accessRank[one.access] - accessRank[other.access];
  // The private home is the narrower of two writable ones. Then by text, so that the order of writing never matters.
  if (rank !== 0) return rank < 0;
  if (one.private !== other.private) return one.private;
  return one.entry.text < other.entry.text;
}

function isBuiltIn({ entry }: ResolvedEntry): boolean {
  return entry.provenance.layer === "builtin";
}

const always: Provenance = { layer: "builtin", file: null, line: null, column: null, owner: "sandboxed-run" };

/** What every restricted run has of its own, where no entry says otherwise for exactly that place. */
function withPrivateAreas(entries: readonly ResolvedEntry[], places: Places): readonly ResolvedEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const add = (path: string, access: Access, text: string): void => {
    const spelled = knownNormal(path);
    const canonical = places.canonical(spelled) ?? spelled;
    const target = { kind: "path", path: canonical } as const;
    const entry = { target, access, origin: "grant", text, provenance: always } as const;
    byPath.set(canonical, { path: canonical, access, private: true, entry });
  };
  const free = (path: string): boolean => {
    const spelled = knownNormal(path);
    return !byPath.has(places.canonical(spelled) ?? spelled);
  };
  for (const [path, text] of [
    ["/tmp", "private /tmp"],
    ["/dev/shm", "private /dev/shm"],
  ] as const) {
    if (free(path)) add(path, "write", text);
  }
  // Both are made anew for each run: the host's cannot be granted, only taken away.
  if (byPath.get(knownNormal("/dev"))?.access !== "deny") add("/dev", "write", "private /dev");
  if (byPath.get(knownNormal("/proc"))?.access !== "deny") add("/proc", "read", "private /proc");
  const { tmpdir, workspaceRoots } = places;
  const usable =
    tmpdir !== null && !isTooBroad(tmpdir, places) && !workspaceRoots.some((root) => isWithin(tmpdir, root));
  if (usable && free(tmpdir)) add(tmpdir, "write", "private $TMPDIR");
  return [...byPath.values()];
}

/** Credentials that lie in a private place: the host's files are not there, and the program may have its own. */
function shadows(entries: readonly ResolvedEntry[]): {
  readonly entry: (entry: ResolvedEntry) => boolean;
  readonly glob: (glob: ResolvedGlob) => boolean;
} {
  const rules = new Map(
    entries.filter(({ entry }) => entry.origin !== "credential").map((entry) => [entry.path, entry]),
  );
  const granted = entries.filter((entry) => entry.access !== "deny" && !entry.private).map((entry) => entry.path);
  const aboveGrants = new Set<AbsolutePath>();
  for (const path of granted) {
    for (let at = path; !aboveGrants.has(at); at = parentPath(at)) aboveGrants.add(at);
  }
  const isPrivate = (path: AbsolutePath): boolean => {
    for (let at = path; ; at = parentPath(at)) {
      const rule = rules.get(at);
      if (rule !== undefined || at === "/") return rule?.private ?? false;
    }
  };
  return {
    entry: ({ entry, path }) => entry.origin === "credential" && isPrivate(path) && !aboveGrants.has(path),
    glob: ({ entry, pattern }) => {
      if (entry.origin !== "credential") return false;
      const glob = compileGlob(pattern);
      const base = fromComponents(glob.base);
      return isPrivate(base) && !granted.some((path) => isWithin(path, base) && glob.mayMatchBelow(components(path)));
    },
  };
}
