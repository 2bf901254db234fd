import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const plant = (stage: Stage): string =>
  `mkdir -p .git/hooks; printf '[core]\\n\\tfsmonitor = ${stage.workspace}/evil.sh\\n' >> .git/config;` +
  `printf '#!/bin/sh\\ntouch ${stage.outside}/ran\\n' | tee evil.sh > .git/hooks/pre-commit; chmod +x evil.sh .git/hooks/pre-commit`;

/** What a person does who finds no repository where one was, or wants one. */
function initialise(stage: Stage): boolean {
  for (const words of [["init", "-q"], ["status"], ["commit", "-q", "--allow-empty", "-m", "x"]])
    stage.plain("git", words);
  return stage.read(join(stage.outside, "ran")) !== null;
}

describe.each(people)("a repository that git does not take for one, as %s", (person) => {
  it.each(["mv .git/refs .git/x", "rm .git/HEAD", "mv .git/objects .git/o; rm -rf .git/refs"])(
    "keeps what it protects after: %s",
    (spoil) =>
      onStage(person, (stage) => {
        stage.repository();
        stage.sh(spoil);
        stage.sh(plant(stage));
        expect(initialise(stage)).toBe(false);
      }),
  );

  it("is not laid out for somebody else to finish", () =>
    onStage(person, (stage) => {
      stage.sh(plant(stage));
      expect(initialise(stage)).toBe(false);
    }));

  it("would do as it was told, had the plant worked", () =>
    onStage(person, (stage) => {
      stage.plain("sh", ["-c", plant(stage)]);
      chmodSync(join(stage.workspace, "evil.sh"), 0o755);
      expect(initialise(stage)).toBe(true);
    }));
});
