import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";

/** In a process group of its own, as in a script: whatever stops the tool's group then stops `timeout` too. */
const guarded = ["--signal=KILL", "15", process.execPath];

describe.each(people)("as %s, without a terminal", (person) => {
  it("a program that stops itself does not stop whoever waits, nor the time limit", () =>
    onStage(person, (stage) => {
      const words = [...guarded, stage.tool("sandboxed-run"), "--timeout", "1s", "--", "sh", "-c", "kill -STOP $$"];
      expect(stage.plain("timeout", words).status).toBe(124);
    }));

  it("a program that stops and continues its own child runs on", () =>
    onStage(person, (stage) => {
      const script = "sleep 0.1 & kill -STOP $!; kill -CONT $!; wait $!; echo went on";
      const words = [...guarded, stage.tool("sandboxed-run"), "--timeout", "10s", "--", "sh", "-c", script];
      expect(stage.plain("timeout", words)).toMatchObject({ status: 0, stdout: "went on\n" });
    }));
});
