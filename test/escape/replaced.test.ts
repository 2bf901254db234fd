import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

interface Played {
  readonly output: string;
  readonly status: number | null;
}

/** Runs a script that waits for `go`, while the host saves a file as editors and git do: beside it, then renamed. */
async function play(stage: Stage, words: readonly string[], path: string, script: string): Promise<Played> {
  const child = stage.start([
    ...words,
    "--",
    "sh",
    "-c",
    `touch started; while [ ! -e go ]; do sleep 0.02; done; ${script}`,
  ]);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => void (output += text));
  for (let i = 0; !existsSync(join(stage.workspace, "started")) && i < 500; i++) await sleep(10);
  stage.write(`${path}.new`, "n3w\n");
  renameSync(join(stage.workspace, `${path}.new`), join(stage.workspace, path));
  await sleep(200);
  stage.write("go", "");
  return new Promise((resolve) => child.once("close", (status) => resolve({ output, status })));
}

describe.each(people)("while the host replaces a file, as %s", (person) => {
  it("a denied file stays denied", () =>
    onStage(person, async (stage) => {
      stage.write("secret.txt", "s3cret\n");
      const script = "cat secret.txt; echo x >> secret.txt; echo done";
      expect(await play(stage, ["--deny", "secret.txt"], "secret.txt", script)).toEqual({
        output: "done\n",
        status: 0,
      });
      expect(stage.read("secret.txt")).toBe("n3w\n");
    }));

  it("and is denied again the second time", () =>
    onStage(person, async (stage) => {
      stage.write("secret.txt", "s3cret\n");
      const again = "touch again; while [ ! -e more ]; do sleep 0.02; done; cat secret.txt; echo done";
      const ended = play(stage, ["--deny", "secret.txt"], "secret.txt", again);
      for (let i = 0; !existsSync(join(stage.workspace, "again")) && i < 500; i++) await sleep(10);
      stage.write("secret.new", "n3wer\n");
      renameSync(join(stage.workspace, "secret.new"), join(stage.workspace, "secret.txt"));
      await sleep(200);
      stage.write("more", "");
      expect(await ended).toEqual({ output: "done\n", status: 0 });
    }));

  it("a denied folder that is replaced ends the run", () =>
    onStage(person, async (stage) => {
      stage.write("vault/key", "s3cret\n");
      stage.write("other/key", "n3w\n");
      const child = stage.start(["--deny", "vault", "--", "sh", "-c", "touch started; sleep 5; cat vault/key"]);
      let output = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => void (output += text));
      for (let i = 0; !existsSync(join(stage.workspace, "started")) && i < 500; i++) await sleep(10);
      renameSync(join(stage.workspace, "vault"), join(stage.workspace, "away"));
      renameSync(join(stage.workspace, "other"), join(stage.workspace, "vault"));
      const status = await new Promise((resolve) => child.once("close", resolve));
      expect({ output, status }).toEqual({ output: "", status: 137 });
    }));

  it("a file that can only be read stays so, and shows what is new", () =>
    onStage(person, async (stage) => {
      stage.write("docs/spec", "old\n");
      const script = "(echo owned >> docs/spec) 2> /dev/null; cat docs/spec";
      expect(await play(stage, ["--read", "docs/spec"], "docs/spec", script)).toEqual({ output: "n3w\n", status: 0 });
    }));

  it("a file that is granted can be changed", () =>
    onStage(person, async (stage) => {
      stage.write("docs/spec", "old\n");
      const { output } = await play(stage, [], "docs/spec", "echo more >> docs/spec; cat docs/spec");
      expect(output).toBe("n3w\nmore\n");
    }));
});
