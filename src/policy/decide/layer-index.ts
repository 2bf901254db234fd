import { compileGlob } from "../names/glob.ts";
import type { CompiledGlob } from "../names/glob.ts";
import type { ResolvedEntry, ResolvedGlob } from "../model/resolved.ts";
import type { AbsolutePath } from "../names/path.ts";
import type { Access, Entry } from "../model/rule.ts";
import { targetKey } from "../model/target.ts";

/** An option that might be given. */
export interface Added {
  readonly path: AbsolutePath;
  /** How many names the path has. */
  readonly depth: number;
  readonly access: Access;
  readonly entry: Entry;
}

interface Pattern {
  readonly glob: CompiledGlob;
  readonly rule: ResolvedGlob;
}

interface Node {
  children: Map<string, Node> | null;
  entry: ResolvedEntry | null;
  /** The entry names this very path, and so reopens what a pattern denies. */
  exact: boolean;
  patterns: Pattern[] | null;
  /** Patterns of the form "this name, however deep", by the name. */
  anywhere: Map<string, Pattern> | null;
}

/** The rule of one layer that governs a path. Both null: nothing matches. */
export interface Governing {
  readonly entry: ResolvedEntry | null;
  /** Set when a deny pattern outranks the entry. */
  readonly glob: Entry | null;
}

/**
 * The entries of one layer by path components: a look-up costs as many steps as the path has names, however many
 * entries there are, and patterns are tried only below their plain part.
 */
export class LayerIndex {
  readonly #root: Node = emptyNode();
  #hasPatterns = false;

  /** `names` splits a path, as queries are split. Entries are one a path. */
  constructor(
    entries: readonly ResolvedEntry[],
    globs: readonly ResolvedGlob[],
    names: (path: ResolvedEntry["path"]) => readonly string[],
  ) {
    for (const entry of entries) {
      const node = this.#reach(names(entry.path));
      node.entry = entry;
      node.exact = isExact(entry.entry);
    }
    for (const rule of globs) this.#addGlob({ glob: compileGlob(rule.pattern), rule });
  }

  /** `added`: as if that entry, which names a path in full, had been written as well. */
  find(names: readonly string[], added: Added | null = null): Governing {
    let node: Node | undefined = this.#root;
    let { entry } = this.#root;
    let entryDepth = 0;
    let reopened = 0;
    for (let depth = 0; depth < names.length; depth++) {
      node = node.children?.get(names[depth] ?? "");
      if (node === undefined) break;
      if (node.entry !== null) {
        entry = node.entry;
        entryDepth = depth + 1;
        if (node.exact) reopened = depth + 1;
      }
    }
    if (added !== null && added.depth <= names.length) {
      const displaced = entryDepth < added.depth || (entryDepth === added.depth && gives(entry?.entry, added));
      if (displaced) entry = { path: added.path, access: added.access, private: false, entry: added.entry };
      reopened = Math.max(reopened, added.depth);
    }
    return { entry, glob: this.#hasPatterns ? this.#findGlob(names, reopened) : null };
  }

  #findGlob(names: readonly string[], reopened: number): Entry | null {
    let node: Node | undefined = this.#root;
    let best = reopened;
    let found: Entry | null = null;
    const take = (pattern: Pattern, matched: number): void => {
      const { entry } = pattern.rule;
      // Of two patterns that say the same the one to name is settled by its text, never by the order of writing.
      const deeper = matched > best;
      if (!deeper && (found === null || matched < best || found.text <= entry.text)) return;
      best = matched;
      found = entry;
    };
    for (let depth = 0; node !== undefined; node = node.children?.get(names[depth] ?? ""), depth++) {
      for (const pattern of node.patterns ?? []) take(pattern, pattern.glob.matchDepth(names));
      for (let at = names.length; node.anywhere !== null && at > depth && at >= best; at--) {
        const pattern = node.anywhere.get(names[at - 1] ?? "");
        if (pattern !== undefined) take(pattern, at);
      }
    }
    return found;
  }

  #addGlob(pattern: Pattern): void {
    this.#hasPatterns = true;
    const node = this.#reach(pattern.glob.base);
    if (pattern.glob.anywhere !== null) {
      node.anywhere ??= new Map();
      const known = node.anywhere.get(pattern.glob.anywhere);
      const named = known === undefined || pattern.rule.entry.text < known.rule.entry.text;
      if (named) node.anywhere.set(pattern.glob.anywhere, pattern);
    } else {
      node.patterns ??= [];
      node.patterns.push(pattern);
    }
  }

  #reach(names: readonly string[]): Node {
    let node = this.#root;
    for (const name of names) {
      node.children ??= new Map();
      const known = node.children.get(name);
      const next = known ?? emptyNode();
      if (known === undefined) node.children.set(name, next);
      node = next;
    }
    return node;
  }
}

/**
 * Does an entry at the very place give way to an option? What another option says there stays, and what is said in other
 * words: below the home a path can be typed in several.
 */
function gives(known: Entry | undefined, { entry, access }: Added): boolean {
  if (known === undefined || known.provenance.layer === "builtin" || known.access === access) return true;
  const isSame = known.target.kind === "path" && targetKey(known.target) === targetKey(entry.target);
  return isSame && known.provenance.layer !== "flag";
}

/** A place that a token stands for was not named by anybody. */
function isExact({ target }: Entry): boolean {
  return target.kind !== "glob" && (target.kind !== "token" || target.subpath !== "");
}

function emptyNode(): Node {
  return { children: null, entry: null, exact: false, patterns: null, anywhere: null };
}
