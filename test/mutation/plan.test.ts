import { describe, expect } from "vitest";
import { onStage } from "../stage/index.ts";
import { attempt } from "./attempt.ts";
import { fileMutants } from "./file-mutants.ts";
import { all, nobody } from "./mutant.ts";
import type { PlanMutant } from "./mutant.ts";
import { limitMutants, reachMutants } from "./other-mutants.ts";
import { tryWithout } from "./try-without.ts";

const asRoot = process.getuid?.() === 0;
const mutants = [...fileMutants, ...reachMutants, ...limitMutants].filter(
  ({ needsRoot }) => asRoot || needsRoot === undefined,
);

describe.each(mutants)("$protection", (mutant) => {
  tryWithout(mutant, (offs, succeeds) => play(mutant, offs, succeeds));
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
