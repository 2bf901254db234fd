import type { Layer, NetworkMode, ResolvedPolicy } from "../policy/index.ts";
import type { DoorService } from "../sandbox/index.ts";

/** One door for two who put policies in force: a host, and whoever holds the run to its requirements. */
export interface GuardedDoor {
  /** What bounds the run is part of every policy of the host's, whatever it hands in. */
  readonly forHost: DoorService;
  readonly forRequirements: Pick<DoorService, "update">;
}

/** `began`: what the door serves so far. */
export function guardedDoor(door: DoorService, began: ResolvedPolicy): GuardedDoor {
  let bound = began;
  let asked: ResolvedPolicy | null = null;
  /** Generations of before let through what was forbidden since. */
  let oldest = 0;
  return {
    forHost: {
      update(policy) {
        asked = policy;
        return door.update(within(policy, bound));
      },
      restore: (generation) => generation >= oldest && door.restore(generation),
      close: () => door.close(),
    },
    forRequirements: {
      async update(policy) {
        bound = policy;
        const generation = await door.update(asked === null ? policy : within(asked, policy));
        oldest = generation;
        return generation;
      },
    },
  };
}

/** Layers of those who say how far others may go. */
const bounding: ReadonlySet<Layer> = new Set<Layer>(["ceiling", "requirements"]);

const modes: readonly NetworkMode[] = ["off", "restricted", "full"];

/** Each layer decides alone, so that both hold. */
function within(policy: ResolvedPolicy, { layers }: ResolvedPolicy): ResolvedPolicy {
  const bounds = layers.filter(({ layer }) => bounding.has(layer));
  const all = [policy.networkMode, ...bounds.map(({ network }) => network.mode)];
  const networkMode = modes.find((mode) => all.includes(mode)) ?? "off";
  return { ...policy, networkMode, layers: [...policy.layers, ...bounds] };
}
