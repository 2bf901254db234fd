import type { Layer, Provenance, Where } from "../model/decision.ts";
import { foldedGlobs, namesFor } from "../names/folding.ts";
import type { Names } from "../names/folding.ts";
import { LayerIndex } from "./layer-index.ts";
import type { Added } from "./layer-index.ts";
import { accessRank } from "../model/patch.ts";
import { components, fromComponents } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import type { ResolvedPolicy } from "../model/resolved.ts";
import type { Access, Entry } from "../model/rule.ts";
import { entryFrom } from "../model/target.ts";

/** What one layer says of a path. */
export interface Verdict {
  readonly layer: Layer;
  readonly access: Access;
  readonly cause: "entry" | "glob" | "none" | "unrestricted";
  readonly entry: Entry | null;
  readonly private: boolean;
  /** Where the layer's profile was chosen, if that is known. */
  readonly chosenBy: Provenance | null;
}

/** What all layers together leave. */
export interface Effective {
  readonly access: Access;
  readonly where: Where;
  /** The layer that leaves least; of equals the one that is hardest to change. */
  readonly verdict: Verdict;
}

interface CompiledLayer {
  readonly layer: Layer;
  readonly index: LayerIndex | null;
  readonly chosenBy: Provenance | null;
}

/** The filesystem half of a policy, ready to be asked by path components. */
export class EffectiveAccess {
  readonly names: Names;
  readonly #layers: readonly CompiledLayer[];
  readonly #shadowed: LayerIndex;

  constructor({ layers, places }: ResolvedPolicy) {
    const folding = places.folding ?? [];
    this.names = namesFor(folding);
    this.#layers = layers.map(({ layer, kind, entries, denyGlobs, chosenBy = null }) => ({
      layer,
      chosenBy,
      index: kind === "restricted" ? new LayerIndex(entries, foldedGlobs(denyGlobs, folding), this.names) : null,
    }));
    const shadowed = layers.map((layer) => layer.shadowed);
    this.#shadowed = new LayerIndex(
      shadowed.flatMap(({ entries }) => entries),
      shadowed.flatMap(({ denyGlobs }) => foldedGlobs(denyGlobs, folding)),
      this.names,
    );
  }

  /** The same text for all spellings of a path that the file system takes for one. */
  key(path: AbsolutePath): AbsolutePath {
    return this.names === components ? path : fromComponents(this.names(path));
  }

  /** `needed`: the layer that is named in the result is one that refuses this much. */
  at(names: readonly string[], needed: Access): Effective {
    let chosen: Verdict | null = null;
    let access: Access = "write";
    let isPrivate = false;
    for (const layer of this.#layers) {
      const verdict = judge(layer, names);
      // A ceiling bounds what is the host's: what the program has of its own is nobody's loss.
      if (layer.layer === "ceiling" && isPrivate && !verdict.private) continue;
      if (verdict.private) isPrivate = true;
      if (accessRank[verdict.access] < accessRank[access]) access = verdict.access;
      if (chosen === null || outweighs(verdict, chosen, needed)) chosen = verdict;
    }
    const verdict = chosen ?? open;
    return { access, where: access === "deny" ? "masked" : isPrivate ? "private" : "host", verdict };
  }

  /**
   * What would stand in the way of the host's own file if the caller's layer also granted `target`; null when nothing
   * would. `written` is the target as the option would name it, `names` are those of a path at or below it.
   */
  obstacle(target: AbsolutePath, written: string, granted: "read" | "write", names: readonly string[]): Verdict | null {
    const entry = entryFrom(written, granted, option, written);
    const added = { path: target, depth: this.names(target).length, access: granted, entry };
    for (const [index, layer] of this.#layers.entries()) {
      const verdict = judge(layer, names, index === 0 ? added : null);
      // A protected name that is granted by itself is given free, unless somebody else protects it.
      const frees = granted === "write" && verdict.entry?.origin === "protected" && isAt(verdict.entry, target);
      if (frees && firmness(verdict) < 2) continue;
      if (accessRank[verdict.access] < accessRank[granted] || verdict.private) return verdict;
    }
    return null;
  }

  /** The credential whose host file a private place hides. */
  shadowedAt(names: readonly string[]): Entry | null {
    const { entry, glob } = this.#shadowed.find(names);
    return glob ?? entry?.entry ?? null;
  }
}

const option: Provenance = { layer: "flag", file: null, line: null, column: null, owner: "you" };

const open: Verdict = {
  layer: "invariant",
  access: "write",
  cause: "unrestricted",
  entry: null,
  private: false,
  chosenBy: null,
};

function judge(
  { layer, index, chosenBy }: CompiledLayer,
  names: readonly string[],
  added: Added | null = null,
): Verdict {
  // Written out: copying a common part takes longer than all the rest of a decision.
  if (index === null) {
    return { layer, access: "write", cause: "unrestricted", entry: null, private: false, chosenBy };
  }
  const { entry, glob } = index.find(names, added);
  if (glob !== null) return { layer, access: "deny", cause: "glob", entry: glob, private: false, chosenBy };
  if (entry === null) return { layer, access: "deny", cause: "none", entry: null, private: false, chosenBy };
  return { layer, access: entry.access, cause: "entry", entry: entry.entry, private: entry.private, chosenBy };
}

function isAt({ target }: Entry, path: AbsolutePath): boolean {
  return target.kind === "path" && target.path === path;
}

/** Of the layers that refuse, the one that is hardest to change is the answer; else the one that leaves least. */
function outweighs(one: Verdict, other: Verdict, needed: Access): boolean {
  const refuses = accessRank[one.access] < accessRank[needed];
  if (refuses !== accessRank[other.access] < accessRank[needed]) return refuses;
  if (refuses && firmness(one) !== firmness(other)) return firmness(one) > firmness(other);
  // What gives the program a place of its own says more than what would have let it see the host's.
  if (one.private !== other.private) return one.private;
  return accessRank[one.access] < accessRank[other.access];
}

/** 3: the tool's own. 2: somebody else's file. 1: protected until named. 0: the caller's. */
export function firmness({ layer, entry }: Verdict): number {
  if (entry?.origin === "state") return 3;
  if (isForeign(layer) || (entry !== null && isForeign(entry.provenance.layer))) return 2;
  return entry?.origin === "protected" ? 1 : 0;
}

/** Layers that no option of the caller's can widen. */
export function isForeign(layer: Layer): boolean {
  return layer === "requirements" || layer === "project" || layer === "ceiling";
}
