import { expandBraces } from "../names/braces.ts";
import { SandboxedError } from "../words/error.ts";
import { compileGlob } from "../names/glob.ts";
import { fromComponents, isWithin, joinPath, knownNormal, normalise, parentPath, rootPath } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import { at } from "../words/place.ts";
import type { Places, ResolvedEntry, ResolvedGlob } from "../model/resolved.ts";
import type { Entry, Target } from "../model/rule.ts";
import { escapePattern } from "../model/target.ts";

/** The paths that an entry stands for on this machine, canonical. Errors: `policy_invalid`. */
export function resolveEntry(entry: Entry, places: Places): readonly ResolvedEntry[] {
  const { target, access } = entry;
  if (target.kind === "glob") return [];
  const isPrivate = target.kind === "token" && target.token === ":home" && access === "write";
  // A program whose home is / gets none: a private / would hide the system.
  if (isPrivate && places.home === "/") return [];
  return spelled(target, entry, places).map((path) => ({
    path: settle(path, entry, places),
    access,
    private: isPrivate,
    entry,
  }));
}

/** The absolute patterns that an entry stands for, braces expanded, their plain part canonical. */
export function resolveGlob(entry: Entry, places: Places): readonly ResolvedGlob[] {
  const { target } = entry;
  if (target.kind !== "glob") return [];
  const bases =
    target.base === null ? [""] : spelled({ kind: "token", token: target.base, subpath: "" }, entry, places);
  return expandBraces(target.pattern).flatMap((pattern) =>
    bases.map((base) => {
      const whole = base === "" ? pattern : `${escapePattern(base)}/${pattern}`;
      const plain = compileGlob(whole).base;
      const rest = whole
        .split("/")
        .filter((name) => name !== "" && name !== ".")
        .slice(plain.length);
      const start = settle(fromComponents(plain), entry, places);
      return { pattern: `${start === "/" ? "" : escapePattern(start)}/${rest.join("/")}`, entry };
    }),
  );
}

/** A denial holds in every home that is the person's. */
function homesOf({ access }: Entry, { home, otherHomes = [] }: Places): readonly AbsolutePath[] {
  return access === "deny" ? [home, ...otherHomes] : [home];
}

function spelled(target: Exclude<Target, { kind: "glob" }>, entry: Entry, places: Places): readonly AbsolutePath[] {
  if (target.kind === "path") return [target.path];
  if (target.kind === "home") {
    if (places.home !== "/" || entry.access === "deny" || target.subpath !== "")
      return homesOf(entry, places).map((home) => joinPath(home, target.subpath));
    throw refuse(entry, "the home directory is /", "name the directories that the program needs");
  }
  switch (target.token) {
    case ":root":
      return [rootPath];
    case ":minimal":
      return places.minimal;
    case ":toolchains":
      return places.toolchains;
    case ":workspace_roots":
      return places.workspaceRoots.map((root) => joinPath(root, target.subpath));
    case ":home":
      return homesOf(entry, places);
    case ":slash_tmp":
      return [knownNormal("/tmp")];
    case ":tmpdir":
      return places.tmpdir === null ? [] : [checkedTmpdir(places.tmpdir, entry, places)];
  }
}

/** `$TMPDIR` comes from whoever started the program: it must not turn into a grant of something else. */
function checkedTmpdir(tmpdir: AbsolutePath, entry: Entry, places: Places): AbsolutePath {
  if (entry.access === "deny" || !isTooBroad(tmpdir, places)) return tmpdir;
  throw refuse(
    entry,
    `TMPDIR is ${tmpdir}, which holds more than temporary files`,
    "unset TMPDIR, or grant a directory by name",
  );
}

/** Holds the home, the workspace or the system, or is a part of the system. */
export function isTooBroad(path: AbsolutePath, places: Places): boolean {
  const { home, cwd, workspaceRoots, minimal, toolchains } = places;
  if (path === "/" || [home, ...workspaceRoots].some((place) => isWithin(place, path))) return true;
  if (workspaceRoots.length > 0 && isWithin(cwd, path)) return true;
  return [...minimal, ...toolchains, knownNormal("/etc")].some(
    (place) => isWithin(path, place) || isWithin(place, path),
  );
}

/** Canonical, and for a grant in the workspace still in it: an earlier run may have left a symlink there. */
function settle(path: AbsolutePath, entry: Entry, places: Places): AbsolutePath {
  const canonical = places.canonical(path);
  // What cannot be found is refused by the oracle whatever the entries say, so a deny may keep its spelling.
  if (canonical === null && entry.access === "deny") return path;
  if (canonical === null)
    throw refuse(entry, `${path} cannot be resolved`, "look for a symlink loop or an unreadable directory on the way");
  if (entry.access === "deny" || entry.provenance.layer === "invariant") return canonical;
  const roots = places.workspaceRoots.filter((root) => isWithin(path, root));
  const tokenRoot = entry.target.kind === "token" && entry.target.token !== ":workspace_roots";
  if (tokenRoot || roots.length === 0 || places.workspaceRoots.some((root) => isWithin(canonical, root)))
    return canonical;
  throw refuse(
    entry,
    `${path} leads out of the workspace, to ${canonical}`,
    `if that is meant, grant ${canonical} itself`,
  );
}

function refuse(entry: Entry, what: string, hint: string): SandboxedError {
  return new SandboxedError("policy_invalid", `${at(entry.provenance)}${entry.text}: ${what}`, { hint });
}

/** A query's path, which need not be absolute, as a canonical one; null when nobody can say what it is. */
export function canonicalOf(path: string, places: Places, following: "all" | "parents"): AbsolutePath | null {
  if (path === "" || path.length > LONGEST_PATH) return null;
  const whole = normalise(path.startsWith("/") ? path : `${places.cwd}/${path}`);
  if (whole === null || whole === "/" || following === "all") return whole === null ? null : places.canonical(whole);
  const parent = places.canonical(parentPath(whole));
  return parent === null ? null : normalise(`${parent}${whole.slice(whole.lastIndexOf("/"))}`);
}

/** Twice what Linux takes: longer spellings are there to make somebody work. */
const LONGEST_PATH = 8192;
