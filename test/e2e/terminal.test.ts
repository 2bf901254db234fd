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

  it("a shell controls its jobs, and what it was refused is told when it ends", () =>
    onStage(person, (stage) => {
      const typed = [
        "sleep 100\\n",
        "\\032",
        "jobs\\n",
        "fg\\n",
        "\\003",
        "echo status=$?\\n",
        "touch /usr/planted\\n",
      ];
      const keys = [...typed, "exit\\n"].map((each) => `sleep 0.4; printf '${each}'`).join("; ");
      const command = `${process.execPath} ${stage.tool("sandboxed-run")} -- bash --norc --noprofile -i`;
      const { stdout } = stage.plain("sh", [
        "-c",
        `(sleep 1; ${keys}; sleep 1.5) | script --quiet --return --command '${command}' /dev/null`,
      ]);
      expect(stdout).not.toMatch(/job control|terminal process group/);
      expect(stdout).toMatch(/Stopped +sleep 100/);
      expect(stdout).toContain("status=130");
      expect(stdout).toMatch(/refused: create \/usr\/planted/);
    }));
});
