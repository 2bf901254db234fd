import { workspaces } from "../../generated/data.ts";
import type { Layer, PathOperation, Provenance, Suggestion } from "../model/decision.ts";
import { firmness, isForeign } from "./effective.ts";
import type { EffectiveAccess, Verdict } from "./effective.ts";
import { isDangerousSocket } from "../model/lists.ts";
import { components, isWithin, knownNormal, parentPath } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import { placeOf } from "../words/place.ts";
import type { Places, ResolvedLayer } from "../model/resolved.ts";

/** What is known of the policy and the machine beside the refusal. */
export interface Surroundings {
  readonly access: EffectiveAccess;
  readonly places: Places;
}

/**
 * The narrowest change that would allow the operation on the path, on the host's own file. An option is named only where
 * it would do; else advice that names what stands in the way.
 */
export function suggestForPath(
  op: PathOperation,
  path: AbsolutePath,
  verdict: Verdict,
  { access, places }: Surroundings,
): Suggestion {
  const refusal = outOfReach(verdict);
  if (refusal !== null) return advice(refusal);
  if (ownPlaces.some((place) => isWithin(path, place))) {
    return advice("it is made anew for each run; no option opens the host's");
  }
  const writes = op === "write" || op === "create" || op === "move";
  const named = verdict.entry?.origin === "protected" && verdict.entry.target.kind === "path";
  const target = named ? verdict.entry.target.path : op === "create" || op === "move" ? parentPath(path) : path;
  const shown = homeShort(target, places.home);
  const word = writes ? "write" : "read";
  if (named) {
    const missing = places.protectedPaths.find((known) => known.path === target && known.kind === "missing");
    if (missing?.list === "tools") return advice(`[permissions.NAME.protect] off = [${JSON.stringify(missing.name)}]`);
    if (missing?.list === "git") return advice(`make it first: what is there can be granted with --${word} ${shown}`);
  }
  if (isTooMuch(target, writes) || isWithin(places.home, target)) {
    return op === "create" && !isTooMuch(path, writes)
      ? advice(`make it first: what is there can be granted with --write ${homeShort(path, places.home)}`)
      : advice(tooMuch(path));
  }
  const obstacle = access.obstacle(target, shown, word, access.names(path));
  if (obstacle !== null) return advice(outOfReach(obstacle) ?? standsInTheWay(obstacle));
  return {
    argv: [`--${word}`, shown],
    config: `[permissions.NAME.filesystem] ${JSON.stringify(shown)} = "${word}"`,
  };
}

/** Why no option of the caller's changes it; null where one might. */
function outOfReach(verdict: Verdict): string | null {
  const { entry, layer, chosenBy } = verdict;
  if (entry?.origin === "state") return "sandboxed-run keeps its own state there; no option opens it";
  if (firmness(verdict) < 2) return null;
  const isSaid = entry !== null && isForeign(entry.provenance.layer) && layer !== "ceiling";
  return upTo(isSaid ? entry.provenance : chosenBy, layer);
}

/** `place`: where it was said, if that is known. */
function upTo(place: Provenance | null, layer: Layer): string {
  if (layer === "ceiling") {
    const ceiling = place === null ? "" : placeOf(place);
    return `this is above the ceiling${ceiling === "" ? "" : ` (${ceiling})`}; no option raises it`;
  }
  const owner = place?.owner ?? (layer === "project" ? "the project" : "the organisation");
  const where = place === null ? "" : placeOf(place);
  return `this is up to ${owner}${where === "" ? "" : ` (${where})`}; no option of yours changes it`;
}

/** What a layer of somebody else's says in the words of a built-in profile was said by who chose that profile. */
export function upToLayer(
  { layer, chosenBy }: Pick<ResolvedLayer, "layer" | "chosenBy">,
  said: Provenance | null,
): Suggestion {
  const isSaid = said !== null && isForeign(said.layer) && layer !== "ceiling";
  return advice(upTo(isSaid ? said : (chosenBy ?? null), layer));
}

/** A rule of the caller's own that an option does not outweigh. */
function standsInTheWay({ entry, access }: Verdict): string {
  if (entry === null) return "no option opens it";
  if (entry.provenance.layer === "flag") return `leave out ${entry.text}`;
  const where = placeOf(entry.provenance);
  return `${where === "" ? "" : `${where}: `}change ${entry.text}, which ${access === "deny" ? "denies" : "limits"} it by name`;
}

function tooMuch(path: AbsolutePath): string {
  return isDangerousSocket(components(path))
    ? "who connects to this socket has the host; no option opens it"
    : "too much hangs on this to be granted by an option; name what is needed below it, or let the program write elsewhere";
}

export function advice(text: string): Suggestion {
  return { argv: [], config: text };
}

/** Every run has its own. */
const ownPlaces = ["/proc", "/dev"].map(knownNormal);

const shared: ReadonlySet<string> = new Set([
  "/run",
  "/var/run",
  "/proc",
  "/sys",
  "/dev",
  "/etc",
  "/usr",
  ...workspaces.places,
]);

/** A place that many things share, or to be written: what the system is made of. */
function isTooMuch(path: AbsolutePath, writes: boolean): boolean {
  if (shared.has(path) || isDangerousSocket(components(path))) return true;
  return writes && ["/usr", ...workspaces.trees].some((tree) => isWithin(path, knownNormal(tree)));
}

/** `~/x` for what lies in the home directory. */
export function homeShort(path: AbsolutePath, home: AbsolutePath): string {
  if (home === "/" || !isWithin(path, home)) return path;
  return path === home ? "~" : `~${path.slice(home.length)}`;
}
