import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noWorld, World } from "../stage/world.ts";
import { doorMutants } from "./door-mutants.ts";
import type { DoorMutant } from "./door-mutants.ts";
import { ToolStage, Tools } from "./tool.ts";
import type { Off } from "./tool.ts";

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
    it("stops the attack", () => play(mutant, [], false));

    if (mutant.redundant === undefined) {
      it("is missed when it is off", () => play(mutant, [mutant.off], true));
    } else {
      const { heldBy, off } = mutant.redundant;
      it(`is not missed when it is off: ${heldBy} holds`, () => play(mutant, [mutant.off], false));
      it(`holds alone when ${heldBy} is off`, () => play(mutant, [off], false));
      it(`is missed when ${heldBy} is off as well`, () => play(mutant, [mutant.off, off], true));
    }
  });
});
