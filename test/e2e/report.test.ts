import { describe, expect, it } from "vitest";
import type { RunOutcome } from "../../src/sandbox/index.ts";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

function report(stage: Stage, script: string): RunOutcome {
  const path = `${stage.outside}/report.json`;
  stage.write(path, "");
  stage.sh(script, ["--report", path]);
  return JSON.parse(stage.read(path) ?? "{}");
}

describe.each(people)("as %s", (person) => {
  it("tells what was refused, by which rule of which line, and what would allow it", () =>
    onStage(person, (stage) => {
      stage.repository();
      const { denials } = report(stage, `cat ~/.ssh/id_ed25519; echo x > .git/hooks/pre-commit; echo x > /usr/planted`);
      expect(denials).toMatchObject([
        {
          query: { op: "read", path: `${stage.home}/.ssh/id_ed25519` },
          suggestion: { argv: ["--read", "~/.ssh/id_ed25519"] },
        },
        {
          query: { path: `${stage.workspace}/.git/hooks/pre-commit` },
          reason: "protected_name",
          provenance: { file: "sandbox-profiles/protected.toml" },
        },
        {
          query: { path: "/usr/planted" },
          provenance: { file: "sandbox-profiles/isolated.toml", line: expect.any(Number) },
        },
      ]);
    }));

  it("does what its suggestion says", () =>
    onStage(person, (stage) => {
      const script = `cat ~/.ssh/id_ed25519`;
      const { denials } = report(stage, script);
      expect(stage.sh(script, denials[0]?.suggestion?.argv ?? []).stdout).toBe("PRIVATE KEY\n");
    }));

  it("says nothing when nothing was refused", () =>
    onStage(person, (stage) => {
      const { denials, repairs, handOff } = report(stage, `echo fine > out.txt`);
      expect([denials, repairs, handOff]).toEqual([[], [], []]);
    }));

  it("lists what the host may execute later", () =>
    onStage(person, (stage) => {
      stage.write("Makefile", "all:\n");
      const { handOff } = report(
        stage,
        `echo '	echo owned' >> Makefile; mkdir -p .github/workflows; echo x > .github/workflows/ci.yml; echo x > plain.txt`,
      );
      const listed = handOff.map(({ path, change }) => `${change} ${path.slice(stage.workspace.length + 1)}`);
      expect(new Set(listed)).toEqual(new Set(["made .github/workflows/ci.yml", "changed Makefile"]));
    }));

  it("keeps a journal that verifies, until a byte of it is changed; --ephemeral keeps none", () =>
    onStage(person, (stage) => {
      stage.sh("true", ["--ephemeral"]);
      expect(JSON.parse(stage.sandboxed(["audit", "verify", "--json"]).stdout || "[]")).not.toMatchObject({
        status: "broken",
      });
      expect(stage.sh("exit 3").status).toBe(3);
      const verified = stage.sandboxed(["audit", "verify"]);
      expect(verified.status, verified.stderr).toBe(0);
      const journal = stage.plain("sh", ["-c", "ls ~/.local/state/sandboxed/sessions/*/journal.jsonl"]).stdout.trim();
      const session = journal.split("/").at(-2) ?? "";
      expect(stage.sandboxed(["audit", "show", session]).stdout).toMatch(/run\.launching[\s\S]*run\.ended/);
      stage.plain("sed", ["-i", "s/run.launching/run.lauNching/", journal]);
      expect(stage.sandboxed(["audit", "verify"]).status).toBe(1);
    }));
});
