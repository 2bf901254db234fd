import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const open = 'default_permissions = ":danger-full-access"';
const own = "~/.config/sandboxed";

const plant = `mkdir -p ${own}; echo '${open}' > ${own}/config.toml; echo made > ~/beside`;

/** Nothing of the tool's is there yet, as before its first run. */
function untouched(stage: Stage): void {
  for (const name of [".cache", ".local", ".config"]) rmSync(join(stage.home, name), { recursive: true, force: true });
}

/** Root in somebody else's checkout runs programs as that somebody, who may not write to root's home anyway. */
const owners = people.filter((person) => person !== "root-elsewhere");

describe.each(owners)("what is refused and does not exist yet, as %s", (person) => {
  it.each([
    ["the home is granted", ["--write", "~"], "."],
    ["the folder of configurations is granted", ["--write", "~/.config"], "."],
    ["the home is the workspace", ["--write", "."], "../.."],
  ])("the tool's own configuration cannot be planted when %s", (_, words, place) =>
    onStage(person, (stage) => {
      untouched(stage);
      if (words.includes("~/.config")) stage.write(join(stage.home, ".config/other"), "");
      const cwd = join(stage.workspace, place);
      stage.sh(plant, words, { cwd });
      expect(stage.read(join(stage.home, ".config/sandboxed/config.toml"))).toBeNull();
      const { stdout } = stage.sh("echo $SANDBOXED", words, { cwd });
      expect(stdout).toBe("1\n");
    }),
  );

  it("its parent cannot be moved away to make it anew", () =>
    onStage(person, (stage) => {
      untouched(stage);
      stage.sh(`mv ~/.config ~/old; ${plant}`, ["--write", "~"]);
      expect(stage.read(join(stage.home, ".config/sandboxed/config.toml"))).toBeNull();
      expect(existsSync(join(stage.home, "old"))).toBe(false);
    }));

  it("what is granted beside it is made", () =>
    onStage(person, (stage) => {
      untouched(stage);
      stage.sh(plant, ["--write", "~"]);
      expect(stage.read(join(stage.home, "beside"))).toBe("made\n");
    }));

  it.each([
    ["a credential in a granted home", ["--write", "~"], "~/.aws/credentials", ".aws"],
    ["a path that was denied by name", ["--deny", "secret"], "secret", "work/project/secret"],
    [
      "a folder that was granted to be read",
      ["--write", "~", "--deny", "~/docs/private"],
      "~/docs/private",
      "docs/private",
    ],
  ])("%s is moved aside and told", (_, words, path, there) =>
    onStage(person, (stage) => {
      const { status, stderr } = stage.sh(`mkdir -p $(dirname ${path}); echo planted > ${path}`, words);
      expect(existsSync(join(stage.home, there))).toBe(false);
      expect(status).toBe(123);
      expect(stderr).toContain("was quarantined");
    }),
  );

  it("a path that nobody denied stays", () =>
    onStage(person, (stage) => {
      expect(stage.sh("echo kept > secret").status).toBe(0);
      expect(stage.read("secret")).toBe("kept\n");
    }));
});
