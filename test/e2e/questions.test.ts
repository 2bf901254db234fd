import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

function policy(stage: Stage, text: string): void {
  stage.write(join(stage.home, ".config/sandboxed/config.toml"), text);
}

describe.each(people)("as %s", (person) => {
  it.each<[question: string, options: string, status: number, says: readonly string[]]>([
    ["read ~/.ssh/id_ed25519", "", 1, ["hidden:", "reason  hidden", '"~/.ssh" = "deny"', "credentials.toml:"]],
    ["read README.md", "", 0, ["allow: read", "isolated.toml:"]],
    ["write README.md", "-P :read-only", 1, ["deny: write", "--write"]],
    ["write README.md", "-P :read-only -w .", 0, ["allow: write", "--write ."]],
    ["write .git/hooks/pre-commit", "", 1, ["protected name", "protected.toml:"]],
    ["move .git", "", 1, ["deny: move"]],
    ["connect example.com:443", "", 1, ["deny: connect example.com:443"]],
    ["env HOME", "", 0, ["allow: env HOME"]],
    ["env API_TOKEN", "", 1, ["deny: env API_TOKEN", "-e API_TOKEN"]],
    ["env API_TOKEN", "-e API_TOKEN", 0, ["allow: env API_TOKEN"]],
  ])("explain %s %s", (question, options, status, says) =>
    onStage(person, (stage) => {
      stage.repository();
      const words = [...question.split(" "), ...options.split(" ").filter((word) => word !== "")];
      const answer = stage.sandboxed(["explain", ...words]);
      for (const text of says) expect(answer.stdout, answer.stderr).toContain(text);
      expect(answer.status).toBe(status);
      const { query, effect } = JSON.parse(stage.sandboxed(["explain", ...words, "--json"]).stdout);
      expect(query.op).toBe(words[0]);
      expect(["allow", "deny"]).toContain(effect);
    }),
  );

  it("the user's line is named, and the project's file only narrows", () =>
    onStage(person, (stage) => {
      const data = join(stage.outside, "victim");
      policy(
        stage,
        `default_permissions = "mine"\n[permissions.mine]\nextends = ":isolated"\n[permissions.mine.filesystem]\n"${data}" = "read"\n`,
      );
      const config = join(stage.home, ".config/sandboxed/config.toml");
      expect(stage.sandboxed(["explain", "read", data]).stdout).toContain(`${config}:5, you`);
      expect(stage.sh(`cat ${data}`).stdout).toBe("untouched\n");
      stage.write(".sandboxed/config.toml", `[permissions.mine.filesystem]\n"${data}" = "deny"\n`);
      const narrowed = stage.sandboxed(["explain", "read", data]);
      expect([narrowed.status, narrowed.stdout]).toEqual([
        1,
        expect.stringContaining(".sandboxed/config.toml:2, the project"),
      ]);
      expect(stage.sh(`cat ${data}`)).toMatchObject({ stdout: "", status: 1 });
      stage.write(".sandboxed/config.toml", `[permissions.mine.filesystem]\n"${data}" = "write"\n`);
      expect(stage.sandboxed(["explain", "write", data]).status).toBe(1);
      stage.sh(`echo changed > ${data}`);
      expect(stage.read(data)).toBe("untouched\n");
    }));

  it("policy test compares a table with the oracle, line by line", () =>
    onStage(person, (stage) => {
      stage.write("table.toml", '[expect]\n"read ~/.ssh/id_ed25519" = "deny"\n"write out file" = "allow"\n');
      expect(stage.sandboxed(["policy", "test", "table.toml"])).toMatchObject({
        status: 0,
        stdout: "2 of 2 as expected\n",
      });
      stage.write("table.toml", '[expect]\n"write README.md" = "deny"\n"env HOME" = "allow"\n');
      const wrong = stage.sandboxed(["policy", "test", "table.toml"]);
      expect(wrong.status).toBe(1);
      expect(wrong.stdout).toMatch(/^table\.toml:2: write .*README\.md: expected deny, is allow\n/);
      expect(wrong.stdout).toContain("1 of 2 as expected");
      expect(stage.sandboxed(["policy", "test", "table.toml", "-P", ":read-only"]).status).toBe(0);
      stage.write("table.toml", '[expect]\n"raed x" = "deny"\n');
      expect(stage.sandboxed(["policy", "test", "table.toml"]).stderr).toContain("table.toml:2: ");
    }));

  it("doctor finds this host able", () =>
    onStage(person, (stage) => {
      const { status, stdout } = stage.sandboxed(["doctor", "--json"]);
      const { checks, ladder } = JSON.parse(stdout);
      expect(checks.filter(({ status: found }: { readonly status: string }) => found === "fail")).toEqual([]);
      expect([status, ladder.rung]).toEqual([0, "bwrap"]);
      const lower = JSON.parse(stage.sandboxed(["doctor", "--json", "--backend", "bwrap-outer-proc"]).stdout);
      expect(lower.ladder.rung).toBe("bwrap-outer-proc");
    }));

  it("a report goes to the file that was named before the run, whatever the run puts there", () =>
    onStage(person, (stage) => {
      const victim = join(stage.outside, "victim");
      const swapped = stage.run([
        "-w",
        stage.outside,
        "--report",
        "run.json",
        "--",
        "sh",
        "-c",
        `rm run.json; ln -s ${victim} run.json`,
      ]);
      expect(swapped.status, swapped.stderr).toBe(0);
      expect(stage.read(victim)).toBe("untouched\n");
      symlinkSync(victim, join(stage.workspace, "link.json"));
      expect(stage.run(["--report", "link.json", "true"]).status).toBe(125);
      expect(stage.read(victim)).toBe("untouched\n");
      expect(stage.run(["--report", "good.json", "--", "sh", "-c", "exit 7"]).status).toBe(7);
      expect(JSON.parse(readFileSync(join(stage.workspace, "good.json"), "utf8"))).toMatchObject({
        schemaVersion: 1,
        status: 7,
        exit: 7,
      });
    }));

  it("a dry run starts and writes nothing", () =>
    onStage(person, (stage) => {
      const before = stage.snapshot();
      const { status, stdout } = stage.run(["--dry-run", "--", "sh", "-c", "touch made"]);
      expect([status, stdout]).toEqual([0, expect.stringMatching(/^program +\/\S+sh -c 'touch made'$/m)]);
      const { plan } = JSON.parse(stage.run(["--dry-run", "--json", "--", "sh", "-c", "touch made"]).stdout);
      expect(plan.argv.slice(1)).toEqual(["-c", "touch made"]);
      expect(stage.snapshot()).toEqual(before);
      expect(stage.run(["--", "sh", "-c", "touch made"]).status).toBe(0);
      expect(stage.read("made")).toBe("");
    }));

  it("a profile that takes something from full access runs, where the tool is out of the user's reach", () =>
    onStage(person, (stage) => {
      policy(
        stage,
        '[permissions.all-but-keys]\nextends = ":danger-full-access"\nfilesystem = { "~/.ssh" = "deny" }\n',
      );
      const script = `cat ~/.ssh/id_ed25519; echo made > ${stage.outside}/made; echo x >> ~/.config/sandboxed/config.toml`;
      const { status, stdout, stderr } = stage.sh(script, ["-P", "all-but-keys"]);
      if (person === "ordinary") {
        expect([stdout, stage.read(`${stage.outside}/made`)]).toEqual(["", "made\n"]);
        expect(stage.read(`${stage.home}/.config/sandboxed/config.toml`)).not.toMatch(/^x$/m);
      } else if (person !== "self" || process.getuid?.() === 0) {
        expect([status, stderr]).toEqual([125, expect.stringContaining("inside reach of the writable /")]);
        expect(stage.read(`${stage.outside}/made`)).toBeNull();
      }
    }));

  it("the home as working directory is warned of, unless it was granted", () =>
    onStage(person, (stage) => {
      const warned = (...words: readonly string[]): string => stage.run([...words, "true"], { cwd: stage.home }).stderr;
      expect(warned()).toContain("running in a private working directory (-w . grants it)");
      expect(warned("-P", ":workspace")).toContain("it can be read, not written (-w . grants it)");
      expect(warned("-P", ":read-only")).toBe("");
      expect(warned("-w", ".")).toBe("");
    }));

  it("full access is told, even when quiet was asked for", () =>
    onStage(person, (stage) => {
      const wide = stage.run(["-q", "-P", ":danger-full-access", "--", "cat", join(stage.home, "diary.txt")]);
      expect([wide.status, wide.stdout]).toEqual([0, "dear diary\n"]);
      expect(wide.stderr).toContain("without a sandbox");
      expect(stage.run(["-q", "--", "true"]).stderr).toBe("");
    }));
});
