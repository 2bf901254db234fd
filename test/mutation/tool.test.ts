import { afterAll, beforeAll, describe, expect } from "vitest";
import { people } from "../stage/index.ts";
import type { Person } from "../stage/index.ts";
import { ToolStage, Tools } from "./tool.ts";
import type { Off } from "./tool.ts";
import { callMutants, processMutants, treeMutants } from "./tool-mutants.ts";
import type { ToolMutant } from "./tool-mutants.ts";
import { tryWithout } from "./try-without.ts";

interface Cast extends ToolMutant {
  readonly person: Person;
}

const asRoot = process.getuid?.() === 0;

/** Each as everybody whom it concerns. */
const mutants = [...callMutants, ...processMutants, ...treeMutants]
  .filter(({ needsRoot }) => asRoot || needsRoot === undefined)
  .flatMap((mutant): readonly Cast[] => {
    const alone = mutant.person ?? (mutant.needsRoot === undefined ? null : "self");
    const cast = people.filter((person) => (alone === null ? person !== "root-elsewhere" : person === alone));
    return cast.map((person) => ({ ...mutant, person }));
  });

let tools: Tools;
beforeAll(() => {
  tools = new Tools();
});
afterAll(() => tools.remove());

describe.each(mutants)("as $person: $protection", (mutant) => {
  tryWithout(mutant, (offs, succeeds) => play(mutant, offs, succeeds));
});

async function play({ attack, person }: Cast, offs: readonly Off[], succeeds: boolean): Promise<void> {
  const stage = new ToolStage(person, tools.without(offs));
  try {
    expect(await attack(stage)).toBe(succeeds);
  } finally {
    stage.remove();
  }
}
