import { sealPolicy, sealedBounds, withOwnProfile } from "../policy/index.ts";
import type { BoundPolicy, Bounds, Policy } from "../policy/index.ts";

type PolicyLayer = Policy["layers"][number];

/** So many different layers come of what is changed by hand; more come of a mistake, and each costs every decision. */
const MOST_LAYERS = 100;

/**
 * What both leave: every layer decides alone, so that the layers of both side by side allow what each would. A layer
 * that says the same as one before takes its place, and with it come the lines where it stands now. Returns `held`
 * itself where `next` adds nothing; null where it has become too much to hold.
 */
export function meet(held: BoundPolicy, next: BoundPolicy): BoundPolicy | null {
  const layers = new Map(held.layers.map((layer) => [meaningOf(layer), layer]));
  const before = layers.size;
  for (const layer of next.layers) layers.set(meaningOf(layer), layer);
  const own = sealedBounds(held);
  const bounds = both(own, sealedBounds(next));
  const isSame = bounds.backends?.length === own.backends?.length && bounds.modes.length === own.modes.length;
  if (layers.size === before && isSame) return held;
  if (layers.size > MOST_LAYERS) return null;
  const rebind = (layer: PolicyLayer): BoundPolicy => {
    const rebound = meet(withOwnProfile(held, layer), withOwnProfile(next, layer));
    if (rebound === null) throw new RangeError("a policy of more layers than one run can have");
    return rebound;
  };
  return sealPolicy({ layers: [...layers.values()] }, rebind, bounds);
}

function both(one: Bounds, other: Bounds): Bounds {
  const [first, second] = [one.backends, other.backends];
  const backends =
    first === null || second === null ? (first ?? second) : first.filter((rung) => second.includes(rung));
  const modes = new Map([...one.modes, ...other.modes].map((each) => [each.allowed.toSorted().join(), each]));
  return { backends, modes: [...modes.values()] };
}

/** Who said it where is no part of what it says. */
const said: ReadonlySet<string> = new Set([
  "provenance",
  "modeProvenance",
  "modeText",
  "chosenBy",
  "origins",
  "description",
]);

function meaningOf(layer: PolicyLayer): string {
  return JSON.stringify(layer, (key, value: unknown) => {
    if (said.has(key)) return undefined;
    if (value instanceof Map || value instanceof Set) return [...value];
    return value;
  });
}
