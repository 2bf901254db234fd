import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const plant = "mkdir -p .vscode && echo evil > .vscode/tasks.json; echo evil > x.code-workspace; sleep 0.3";

/** Each leaves a file that the person's editor, shell or assistant acts on at its next look at the workspace. */
const acts: readonly (readonly [string, (stage: Stage) => string, (stage: Stage) => readonly string[]])[] = [
  ["writes a file that is there", () => "echo evil > .claude/settings.json", () => [".claude/settings.json"]],
  ["makes what is missing", () => plant, () => [".vscode/tasks.json", "x.code-workspace"]],
  [
    "makes the tool's own settings",
    () => "mkdir -p .sandboxed && echo evil > .sandboxed/config.toml",
    () => [".sandboxed/config.toml"],
  ],
  [
    "moves the workspace away and makes it anew",
    ({ workspace }) => `cd /; mv ${workspace} ${workspace}2; mkdir ${workspace}; cd ${workspace}; ${plant}`,
    ({ workspace }) => [".vscode/tasks.json", `${workspace}2/.vscode/tasks.json`],
  ],
  [
    "exchanges the folder above for a link",
    ({ home, workspace }) => `cd /; mv ${home}/work ${home}/w; ln -s ${home}/w ${home}/work; cd ${workspace}; ${plant}`,
    ({ home }) => [".vscode/tasks.json", `${home}/w/project/.vscode/tasks.json`],
  ],
];

/** Nothing is left that the person did not write, while the rest of the workspace is the program's. */
function expectHeld(stage: Stage, words: readonly string[], script: string, places: readonly string[]): void {
  stage.write(".claude/settings.json", "{}\n");
  stage.sh(`echo good > src.txt; ${script}`, words);
  expect(stage.read("src.txt") ?? stage.read(`${stage.workspace}2/src.txt`)).toBe("good\n");
  for (const path of places) expect(stage.read(path) ?? "").not.toContain("evil");
  expect(stage.read(".claude/settings.json")).toBe("{}\n");
}

describe.each(people)("as %s, with a root above the workspace", (person) => {
  it.each(acts)("a program that %s leaves nothing there", (__, script, places) =>
    onStage(person, (stage) => expectHeld(stage, ["-w", stage.home], script(stage), places(stage))),
  );

  it("a folder that is named inside a root is protected at its top", () =>
    onStage(person, (stage) => {
      const library = join(stage.workspace, "library");
      stage.write("library/src.txt", "");
      stage.write("other/src.txt", "");
      const script = "for at in library other; do mkdir $at/.idea; echo evil > $at/.idea/x; done; sleep 0.3";
      stage.sh(script, ["-w", library]);
      expect(existsSync(join(library, ".idea", "x"))).toBe(false);
      expect(stage.read("other/.idea/x")).toBe("evil\n");
    }));

  it("a name that is granted by itself is free there, too", () =>
    onStage(person, (stage) => {
      stage.write(".claude/settings.json", "{}\n");
      stage.sh("echo mine > .claude/settings.json", ["-w", stage.home, "-w", ".claude"]);
      expect(stage.read(".claude/settings.json")).toBe("mine\n");
    }));
});

it.each<readonly [string, (stage: Stage) => readonly string[]]>([
  ["is the folder above", ({ workspace }) => ["-w", join(workspace, "..")]],
  ["holds it behind a folder that is closed", ({ home }) => ["-w", home, "--read", join(home, "work")]],
])("protects a workspace when the root %s", (_, words) =>
  onStage("self", (stage) => expectHeld(stage, words(stage), plant, [".vscode/tasks.json", "x.code-workspace"])),
);
