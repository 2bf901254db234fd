import { statSync } from "node:fs";
import { join } from "node:path";
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

  it("does what its suggestion says beside the file that init writes for a project; else names the project's line", () =>
    onStage(person, (stage) => {
      expect(stage.sandboxed(["init", "--project"]).status).toBe(0);
      const script = `cat ~/.ssh/id_ed25519`;
      const [denial] = report(stage, script).denials;
      expect(stage.sh(script, denial?.suggestion?.argv ?? [])).toMatchObject({ stdout: "PRIVATE KEY\n", stderr: "" });
      stage.write(".sandboxed/config.toml", 'default_permissions = ":isolated"\n');
      const [refused] = report(stage, script).denials;
      expect(refused?.suggestion).toEqual({ argv: [], config: expect.stringContaining(".sandboxed/config.toml:1)") });
      const given = stage.sh(script, ["--network", "full", "--read", "~/.ssh/id_ed25519"]);
      expect([given.stdout, given.stderr]).toEqual([
        "",
        expect.stringMatching(/warning: --network full is cut.*config.toml:1/),
      ]);
      expect(given.stderr).toMatch(/warning: --read ~\/.ssh\/id_ed25519 has no effect here: .*config.toml:1/);
    }));

  it("says nothing when nothing was refused", () =>
    onStage(person, (stage) => {
      const { denials, repairs, handOff } = report(stage, `echo fine > out.txt`);
      expect([denials, repairs, handOff]).toEqual([[], [], []]);
    }));

  it("lists what the host may execute later (C24)", () =>
    onStage(person, (stage) => {
      stage.write("Makefile", "all:\n");
      const { handOff } = report(
        stage,
        `echo '	echo owned' >> Makefile; mkdir -p .github/workflows; echo x > .github/workflows/ci.yml; echo x > plain.txt`,
      );
      const listed = handOff.map(({ path, change }) => `${change} ${path.slice(stage.workspace.length + 1)}`);
      expect(new Set(listed)).toEqual(new Set(["made .github/workflows/ci.yml", "changed Makefile"]));
    }));

  it.each<[what: string, script: string]>([
    ["puts a file of its own there", `rm -f r.json; echo '{"status":0,"forged":true}' > r.json`],
    ["keeps the file open and links it elsewhere", `touch r.json; ln r.json other; echo '{"forged":true}' > other`],
    ["puts a link to a file of the host there", `rm -f r.json; ln -s ../../../outside/victim r.json`],
    ["takes the name away", `rm -f r.json`],
    ["leaves it alone", `true`],
  ])("is what the tool wrote when the program %s", (_, script) =>
    onStage(person, (stage) => {
      const { status, stderr } = stage.sh(`${script}; exit 7`, ["--report", "r.json", "-w", stage.outside]);
      expect([status, stderr]).toEqual([7, expect.not.stringContaining("warning")]);
      expect(JSON.parse(stage.read("r.json") ?? "{}")).toMatchObject({ schemaVersion: 1, status: 7, exit: 7 });
      expect(stage.read("r.json")).not.toContain("forged");
      expect(stage.read(`${stage.outside}/victim`)).toBe("untouched\n");
      expect(stage.plain("sh", ["-c", "ls -A | grep sandboxed-report"]).stdout).toBe("");
    }),
  );

  it("says that it is not there when its directory was replaced, or its name became a directory", () =>
    onStage(person, (stage) => {
      stage.write("out/keep", "");
      const lost: readonly [script: string, says: string][] = [
        [`mv out gone; mkdir out; echo '{"status":0}' > out/r.json`, "its directory was moved or replaced"],
        [`rm -r out; mkdir out`, "was not written: ENOENT"],
        [`rm -rf out/r.json; mkdir -p out/r.json/x`, "was not written: a directory has its name"],
      ];
      for (const [script, says] of lost) {
        const { status, stderr } = stage.sh(script, ["--report", "out/r.json"]);
        expect([status, stderr], script).toEqual([123, expect.stringContaining(says)]);
        expect(stage.sh(`${script}; exit 7`, ["--report", "out/s.json"]).status).toBe(7);
      }
      stage.plain("rm", ["-r", join(stage.workspace, "out/r.json")]);
      expect(stage.sh("true", ["--report", "out/r.json"]).status).toBe(0);
    }));

  it("keeps the permissions of the file that it replaces; a new one is the user's alone", () =>
    onStage(person, (stage) => {
      stage.write("known.json", "");
      stage.plain("chmod", ["640", "known.json"]);
      for (const name of ["known.json", "new.json"]) expect(stage.sh("true", ["--report", name]).status).toBe(0);
      const modes = ["known.json", "new.json"].map((name) => statSync(join(stage.workspace, name)).mode & 0o777);
      expect(modes).toEqual([0o640, 0o600]);
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
