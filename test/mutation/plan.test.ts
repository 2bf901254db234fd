import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import { attempt } from "./attempt.ts";
import { fileMutants } from "./file-mutants.ts";
import { all, nobody } from "./mutant.ts";
import type { PlanMutant } from "./mutant.ts";
import { limitMutants, reachMutants } from "./other-mutants.ts";

const asRoot = process.getuid?.() === 0;
const mutants = [...fileMutants, ...reachMutants, ...limitMutants].filter(
  ({ needsRoot }) => asRoot || needsRoot === undefined,
);

describe.each(mutants)("$protection", (mutant) => {
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

async function play(mutant: PlanMutant, offs: readonly PlanMutant["off"][], succeeds: boolean): Promise<void> {
  await onStage("self", async (stage) => {
    mutant.prepare?.(stage);
    const host = (await mutant.host?.(stage)) ?? nobody;
    try {
      const changes = [...(mutant.beforehand === undefined ? [] : [mutant.beforehand]), ...offs];
      const attempted = await attempt(
        stage,
        mutant.attack(stage, host),
        all(...changes.map((change) => change(stage))),
      );
      expect(mutant.effect(stage, attempted, host), JSON.stringify(attempted)).toBe(succeeds);
    } finally {
      host.close();
    }
  });
}
