import { afterAll, beforeAll } from "vitest";
import type { Stage } from "./index.ts";
import { World } from "./world.ts";

/** A world and one stage in it for all tests of a suite; `take` is handed both before the first. */
export function stagedWorld(take: (made: { readonly world: World; readonly stage: Stage }) => void): void {
  let world: World | null = null;
  let stage: Stage | null = null;
  beforeAll(async () => {
    world = await World.start();
    stage = world.stage();
    take({ world, stage });
  });
  afterAll(() => {
    stage?.remove();
    world?.stop();
  });
}
