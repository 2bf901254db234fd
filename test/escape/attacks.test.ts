import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Result, Stage } from "../stage/index.ts";
import { fileAttacks, processAttacks } from "./attacks.ts";
import type { Attack } from "./attacks.ts";

describe.each(people)("as %s", (person) => {
  describe.each([...fileAttacks, ...processAttacks])("$id: $title", (attack) => {
    it("has no effect", () =>
      onStage(person, (stage) => {
        attack.prepare?.(stage);
        const result = inside(stage, attack, attack.words?.(stage) ?? []);
        expect(result.status, result.stderr).not.toBe(125);
        expect(attack.effect(stage, result), result.stdout + result.stderr).toBe(false);
      }));

    it("has its effect when allowed", () =>
      onStage(person, (stage) => {
        attack.prepare?.(stage);
        const result =
          attack.allowed === "outside" ? outside(stage, attack) : inside(stage, attack, attack.allowed(stage));
        expect(attack.effect(stage, result), result.stdout + result.stderr).toBe(true);
      }));
  });
});

function inside(stage: Stage, attack: Attack, words: readonly string[]): Result {
  const run = attack.language === "python" ? stage.python.bind(stage) : stage.sh.bind(stage);
  return run(attack.script(stage), words, attack.options?.(stage));
}

function outside(stage: Stage, attack: Attack): Result {
  const program = attack.language === "python" ? "python3" : "sh";
  return stage.plain(program, ["-c", attack.script(stage)], attack.options?.(stage));
}
