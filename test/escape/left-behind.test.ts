import { chmodSync, existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const hooked = (stage: Stage): void => {
  stage.write(".husky/pre-commit", "#!/bin/sh\n");
  stage.repository();
  stage.git("config", "core.hooksPath", ".husky");
};
const evil = "echo evil >> .husky/pre-commit; chmod 755 .git";

const plant = (stage: Stage, target: string): void => {
  stage.write(join(stage.home, "secret.txt"), "s3cret\n");
  stage.sh(`ln -s ${target} ~/secret.txt`);
};

/** What one run leaves for the next. */
describe.each(people)("as %s", (person) => {
  describe("a link in the private home, where a later run denies the name", () => {
    it("makes no file where it leads", () =>
      onStage(person, (stage) => {
        const target = join(stage.outside, "made");
        // Where bubblewrap has the host's tree while it mounts.
        plant(stage, `/oldroot${target}`);
        stage.run(["--deny", "~/secret.txt", "--", "true"]);
        expect(existsSync(target)).toBe(false);
      }));

    it("does not keep the run from starting, nor show the file", () =>
      onStage(person, (stage) => {
        plant(stage, "/nowhere");
        const { status, stdout } = stage.sh("cat ~/secret.txt || echo hidden", ["--deny", "~/secret.txt"]);
        expect({ status, stdout }).toEqual({ status: 0, stdout: "hidden\n" });
      }));
  });

  describe("a workspace closed to its owner", () => {
    const script = (name: string, mode: string): string => `mkdir .config; echo x >${name}; chmod ${mode}`;

    it.each([
      ["with mode 000", ".envrc", "000 ."],
      ["with mode 400", ".envrc", "400 ."],
      ["in a folder of it", ".config/autostart", "000 .config"],
    ])("hides no protected name, %s", (_, name, closed) =>
      onStage(person, (stage) => {
        expect(stage.sh(script(name, closed)).status).toBe(123);
        expect(stage.read(name)).toBe(null);
      }),
    );

    it.each(["000 .", "000 .config"])("keeps what nobody minds: %s", (closed) =>
      onStage(person, (stage) => {
        expect(stage.sh(script(".config/fine.toml", closed)).status).toBe(0);
        expect(stage.read(".config/fine.toml")).toBe("x\n");
      }),
    );
  });

  describe("a git directory closed to its owner", () => {
    it.each(["000", "400"])("with mode %s, is open again for the next run's look", (mode) =>
      onStage(person, (stage) => {
        hooked(stage);
        stage.sh(`chmod ${mode} .git`);
        stage.sh(evil);
        expect(stage.read(".husky/pre-commit")).toBe("#!/bin/sh\n");
        expect(stage.git("config", "core.hooksPath")).toBe(".husky\n");
      }),
    );

    it("keeps the mode it has, where the owner can enter", () =>
      onStage(person, (stage) => {
        hooked(stage);
        stage.sh("chmod 711 .git");
        expect(statSync(join(stage.workspace, ".git")).mode & 0o777).toBe(0o711);
        chmodSync(join(stage.workspace, ".git"), 0o755);
        stage.sh(evil, ["--write", ".husky"]);
        expect(stage.read(".husky/pre-commit")).toBe("#!/bin/sh\nevil\n");
      }));
  });
});
