import { compileGlob } from "./glob.ts";
import type { CompiledGlob } from "./glob.ts";
import type { ResolvedEntry, ResolvedGlob } from "./resolved.ts";
import type { Entry } from "./rule.ts";

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

  find(names: readonly string[]): Governing {
    let node: Node | undefined = this.#root;
    let { entry } = this.#root;
    let reopened = 0;
    for (let depth = 0; depth < names.length; depth++) {
      node = node.children?.get(names[depth] ?? "");
      if (node === undefined) break;
      if (node.entry !== null) {
        entry = node.entry;
        if (node.exact) reopened = depth + 1;
      }
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

/** A place that a token stands for was not named by anybody. */
function isExact({ target }: Entry): boolean {
  return target.kind !== "glob" && (target.kind !== "token" || target.subpath !== "");
}

function emptyNode(): Node {
  return { children: null, entry: null, exact: false, patterns: null, anywhere: null };
}
