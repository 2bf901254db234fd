import { compileGlob, components, isWithin, joinPath, rootPath, SandboxedError } from "../../../policy/index.ts";
import type { AbsolutePath, Oracle, ResolvedGlob, ResolvedPolicy } from "../../../policy/index.ts";
import type { PathKind } from "../../facts.ts";
import type { Disk } from "../facts/index.ts";

/** How many names are looked at before a launch with deny globs is refused. */
const LIMIT = 20_000;

interface Pattern {
  readonly glob: ResolvedGlob;
  readonly compiled: ReturnType<typeof compileGlob>;
}

/**
 * Files that match a deny glob now and would otherwise be visible: mounts know no patterns. Looked for in the
 * workspaces, the home, other writable places and those that are granted by name, and elsewhere where a pattern names
 * the folder.
 * Errors: `policy_unenforceable` above the limit, and always for `deny_glob = "strict"`.
 */
export function expandDenyGlobs(
  resolved: ResolvedPolicy,
  oracle: Oracle,
  writable: readonly AbsolutePath[],
  disk: Disk,
): readonly AbsolutePath[] {
  const patterns = resolved.layers.flatMap(({ denyGlobs }) =>
    denyGlobs.map((glob): Pattern => ({ glob, compiled: compileGlob(glob.pattern) })),
  );
  if (patterns.length === 0) return [];
  const { home, workspaceRoots } = resolved.places;
  const places = [...new Set([...workspaceRoots, ...writable, home, ...named(resolved)])];
  const starts = new Set(patterns.flatMap(({ compiled }) => startsOf(compiled.base, places)));
  const search = new Search(patterns, oracle, disk, resolved.denyGlob === "strict");
  for (const start of starts) if (isShown(start, oracle)) search.walk(start);
  for (const pattern of patterns) search.visitBase(pattern);
  return search.found;
}

/** The topmost host directories that may be written. */
export function writableRoots(oracle: Oracle): readonly AbsolutePath[] {
  const writable = oracle
    .materialise()
    .filter(({ access, where }) => access === "write" && where === "host")
    .map(({ path }) => path);
  return writable.filter((path) => !writable.some((other) => other !== path && isWithin(path, other)));
}

/** What somebody grants by its path, and not by a token that stands for much of the machine. */
function named({ layers }: ResolvedPolicy): readonly AbsolutePath[] {
  const granted = layers.flatMap(({ entries }) => entries.filter(({ access }) => access !== "deny"));
  return granted.flatMap(({ path, entry: { target } }) =>
    (target.kind === "path" || target.kind === "home") && path !== rootPath ? [path] : [],
  );
}

/** Where the files of a pattern may stand: its own folder, or the places below it when it starts above them. */
function startsOf(base: readonly string[], places: readonly AbsolutePath[]): readonly AbsolutePath[] {
  const folder = base.reduce<AbsolutePath>((path, name) => joinPath(path, name), rootPath);
  const below = places.filter((place) => isWithin(place, folder));
  return below.length > 0 ? below : [folder];
}

function isShown(path: AbsolutePath, oracle: Oracle): boolean {
  const decision = oracle.decide({ op: "list", path });
  return decision.effect === "allow" && decision.where === "host";
}

class Search {
  readonly found: AbsolutePath[] = [];
  readonly #patterns: readonly Pattern[];
  readonly #oracle: Oracle;
  readonly #disk: Disk;
  readonly #strict: boolean;
  readonly #walked = new Set<AbsolutePath>();
  #seen = 0;

  constructor(patterns: readonly Pattern[], oracle: Oracle, disk: Disk, strict: boolean) {
    this.#patterns = patterns;
    this.#oracle = oracle;
    this.#disk = disk;
    this.#strict = strict;
  }

  /** The plain part of a pattern may be all of it, once its alternatives are written out: then nothing lies below. */
  visitBase({ glob, compiled }: Pattern): void {
    if (compiled.matchDepth(compiled.base) === 0) return;
    const path = compiled.base.reduce<AbsolutePath>((at, name) => joinPath(at, name), rootPath);
    const { kind } = this.#disk.look(path);
    if (kind !== "missing") this.#visit(path, kind);
    else if (this.#strict) throw refusal(glob, "this host cannot cover files that appear later");
  }

  walk(directory: AbsolutePath): void {
    if (this.#walked.has(directory)) return;
    this.#walked.add(directory);
    const here = components(directory);
    const [first] = this.#patterns.filter(({ compiled }) => compiled.mayMatchBelow(here));
    if (first === undefined) return;
    if (this.#strict) throw refusal(first.glob, "this host cannot cover files that appear later");
    // What this user cannot list, the program of this user cannot either.
    for (const [name, kind] of this.#disk.list(directory)) {
      this.#seen += 1;
      if (this.#seen > LIMIT) throw refusal(first.glob, `more than ${LIMIT} files stand where it may match`);
      this.#visit(joinPath(directory, name), kind);
    }
  }

  #visit(path: AbsolutePath, kind: PathKind): void {
    const names = components(path);
    const matches = this.#patterns.some(({ compiled }) => compiled.matchDepth(names) > 0);
    if (matches && this.#oracle.decide({ op: "read", path }).effect === "deny") {
      this.found.push(path);
    } else if (kind === "directory" && isShown(path, this.#oracle)) this.walk(path);
  }
}

function refusal({ pattern, entry }: ResolvedGlob, why: string): SandboxedError {
  const { file, line } = entry.provenance;
  const place = file === null ? "" : ` (${file}:${line ?? "?"})`;
  return new SandboxedError("policy_unenforceable", `cannot enforce the deny glob ${pattern}${place}: ${why}`, {
    hint: "name the files or folders, or start the pattern at a smaller folder",
  });
}
