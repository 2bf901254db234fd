import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";

const deny = (pattern: string): readonly string[] => [
  "-c",
  'permissions.g.extends=":isolated"',
  "-c",
  `permissions.g.filesystem."${pattern}"="deny"`,
  "-P",
  "g",
];

describe.each(people)("as %s", (person) => {
  it.each([
    ["a pattern under the workspace", (workspace: string) => `${workspace}/**/.env`],
    ["a pattern for every folder", () => "**/.env"],
    ["a pattern with a wildcard in the name", (workspace: string) => `${workspace}/a/b/.e*`],
  ])("%s denies what matches, and nothing else", (_, pattern) =>
    onStage(person, (stage) => {
      stage.write("a/b/.env", "S3CRET=1\n");
      stage.write("a/b/env", "fine\n");
      const script = "cat a/b/.env a/b/env";
      const { stdout } = stage.sh(script, deny(pattern(stage.workspace)));
      expect(stdout).toBe("fine\n");
      expect(stage.sh(script).stdout).toBe("S3CRET=1\nfine\n");
    }),
  );

  it("credentials that are known by a pattern stay shut where the whole system is readable", () =>
    onStage(person, (stage) => {
      stage.write(`${stage.home}/.yarnrc.yml`, "npmAuthToken: s3cret\n");
      const words = ["-P", ":workspace"];
      expect(stage.sh("cat ~/.yarnrc.yml", words).stdout).toBe("");
      expect(stage.sh("cat ~/.yarnrc.yml", [...words, "--read", `${stage.home}/.yarnrc.yml`]).stdout).toContain(
        "s3cret",
      );
    }));

  it("a strict pattern that cannot be held refuses to start", () =>
    onStage(person, (stage) => {
      const { status } = stage.sh("true", [...deny("**/.env"), "-c", 'permissions.g.deny_glob="strict"']);
      expect(status).toBe(125);
    }));

  it("a hard link to a denied file is told", () =>
    onStage(person, (stage) => {
      stage.plain("ln", [`${stage.home}/.ssh/id_ed25519`, "innocent"]);
      expect(stage.sh("true").stderr).toMatch(/innocent/);
      stage.plain("rm", ["innocent"]);
      expect(stage.sh("true").stderr).toBe("");
    }));

  it("a denied host and a full network do not go together", () =>
    onStage(person, (stage) => {
      const words = ["-c", 'permissions.g.extends=":isolated"', "-c", 'permissions.g.network.mode="full"', "-P", "g"];
      expect(stage.sh("true", [...words, "-c", 'permissions.g.network.domains."a.example"="deny"']).status).toBe(125);
      expect(stage.sh("true", words).status).toBe(0);
    }));
});
