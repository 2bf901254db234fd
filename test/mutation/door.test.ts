import { afterAll, beforeAll, describe, expect } from "vitest";
import { noWorld, World } from "../stage/world.ts";
import { doorMutants } from "./door-mutants.ts";
import type { DoorMutant } from "./door-mutants.ts";
import { ToolStage, Tools } from "./tool.ts";
import type { Off } from "./tool.ts";
import { tryWithout } from "./try-without.ts";

describe.skipIf(noWorld !== null)("of the door", () => {
  let tools: Tools;
  let world: World;
  beforeAll(async () => {
    tools = new Tools();
    world = await World.start();
  });
  afterAll(() => {
    world?.stop();
    tools?.remove();
  });

  const play = async ({ attack }: DoorMutant, offs: readonly Off[], succeeds: boolean): Promise<void> => {
    const stage = new ToolStage("self", tools.without(offs), (cwd) => world.enter(cwd));
    try {
      expect(await attack(stage, world)).toBe(succeeds);
    } finally {
      stage.remove();
    }
  };

  describe.each(doorMutants)("$protection", (mutant) => {
    tryWithout(mutant, (offs, succeeds) => play(mutant, offs, succeeds));
  });
});
