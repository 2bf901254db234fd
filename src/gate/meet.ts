import { sealPolicy, sealedBackends, withOwnProfile } from "../policy/index.ts";
import type { BoundPolicy, Policy } from "../policy/index.ts";

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
  const backends = both(sealedBackends(held), sealedBackends(next));
  if (layers.size === before && backends?.length === sealedBackends(held)?.length) return held;
  if (layers.size > MOST_LAYERS) return null;
  const rebind = (own: PolicyLayer): BoundPolicy => {
    const rebound = meet(withOwnProfile(held, own), withOwnProfile(next, own));
    if (rebound === null) throw new RangeError("a policy of more layers than one run can have");
    return rebound;
  };
  return sealPolicy({ layers: [...layers.values()] }, rebind, backends);
}

function both(one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null {
  if (one === null || other === null) return one ?? other;
  return one.filter((backend) => other.includes(backend));
}

/** Who said it where is no part of what it says. */
const said: ReadonlySet<string> = new Set(["provenance", "modeProvenance", "chosenBy", "origins", "description"]);

function meaningOf(layer: PolicyLayer): string {
  return JSON.stringify(layer, (key, value: unknown) => {
    if (said.has(key)) return undefined;
    if (value instanceof Map || value instanceof Set) return [...value];
    return value;
  });
}
