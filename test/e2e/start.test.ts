import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/** What Node had loaded of its own by the time a start had ended, of the modules that take long. */
function slowModules(stage: Stage, options = ""): readonly string[] {
  const list = join(stage.folder, "list.cjs");
  const said = join(stage.home, "loaded");
  stage.write(
    list,
    `process.on("exit", () => require("node:fs").writeFileSync(${JSON.stringify(said)}, process.moduleLoadList.join("\\n")));`,
  );
  const { status } = stage.sh("true", [], { environment: { NODE_OPTIONS: `${options} --require ${list}` } });
  expect(status).toBe(0);
  const loaded = new Set(stage.read(said)?.split("\n"));
  return ["child_process", "net", "stream", "dgram", "http", "crypto"].filter((name) =>
    loaded.has(`NativeModule ${name}`),
  );
}

describe("a start", () => {
  it("loads nothing that is slow, unless this Node takes no native code", () =>
    onStage("self", (stage) => {
      stage.repository();
      // The first makes the tool's own folders, which is a change; the second is kept.
      for (let time = 0; time < 2; time++) slowModules(stage);
      expect(slowModules(stage)).toEqual([]);
      for (let time = 0; time < 2; time++) slowModules(stage, "--no-addons");
      expect(slowModules(stage, "--no-addons")).toEqual(expect.arrayContaining(["child_process", "net", "stream"]));
    }));

  it.each([
    ["by the starter", ""],
    ["by Node", "--no-addons"],
  ])("%s hands the streams and the end through", (_, options) =>
    onStage("self", (stage) => {
      stage.repository();
      const environment = { NODE_OPTIONS: options };
      const script = "cat; echo out; echo err >&2; echo x >>.git/config; exit 7";
      const { status, stdout, stderr } = stage.sh(script, [], { environment, input: "in\n" });
      expect([status, stdout]).toEqual([7, "in\nout\n"]);
      expect(stderr).toMatch(/^err\n/m);
      expect(stderr).toMatch(/\.git\/config/);
      expect(stage.sh("kill -9 $$", [], { environment }).status).toBe(137);
    }),
  );
});
