import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/** What a terminal shows when the tool is used in it. */
function inTerminal(stage: Stage, words: string): string {
  const command = `${process.execPath} ${stage.tool("sandboxed-run")} ${words}`;
  return stage.plain("script", ["--quiet", "--return", "--command", command, "/dev/null"]).stdout;
}

describe.each(people)("in a terminal, as %s", (person) => {
  describe.each(["auto", "always", "never"])("with --tty %s", (tty) => {
    it("a refusal is told, there and in the report", () =>
      onStage(person, (stage) => {
        const shown = inTerminal(stage, `--tty ${tty} --report r.json -- touch /usr/planted`);
        expect(shown).toMatch(/refused: create \/usr\/planted/);
        const report: unknown = JSON.parse(stage.read("r.json") ?? "");
        expect(report).toMatchObject({ status: 1, denials: [{ query: { op: "create", path: "/usr/planted" } }] });
      }));

    it("nothing is said of what was granted", () =>
      onStage(person, (stage) => {
        expect(inTerminal(stage, `--tty ${tty} -- touch made`)).not.toContain("sandboxed-run");
        expect(stage.read("made")).toBe("");
      }));
  });
});
