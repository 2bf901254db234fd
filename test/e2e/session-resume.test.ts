import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { killWithGuard } from "../stage/kill.ts";

const script = `import sandboxed
session = sandboxed.connect()
session.memory.set("notes", 1)
session.checkpoint("go on?")
open("went-on", "w")`;

interface Record {
  readonly kind: string;
  readonly [member: string]: unknown;
}

function recordsOf(stage: Stage): readonly Record[] {
  return JSON.parse(stage.sandboxed(["audit", "show", "last", "--json"]).stdout).records;
}

describe("a session whose tool and guard were killed", () => {
  it("is closed by resume: what was open is marked, the journal is whole, and nothing runs again", () =>
    onStage("self", async (stage) => {
      const tool = stage.start([
        "-P",
        ":workspace",
        ...["memory=notes", "checkpoint"].flatMap((each) => ["--grant", each]),
        "--",
        "python3",
        "-c",
        script,
      ]);
      for (let tries = 0; tries < 200; tries++) {
        const { stdout } = stage.sandboxed(["session", "show", "last", "--json"]);
        if (stdout !== "" && JSON.parse(stdout).live?.questions?.length > 0) break;
        await sleep(50);
      }
      // The same while it runs: there is nothing to take over.
      expect(stage.sandboxed(["session", "resume", "last"]).stderr).toContain("nothing to resume: it is running");
      killWithGuard(tool);
      await once(tool, "exit");
      await sleep(300);
      expect(stage.sandboxed(["session", "list"]).stdout).toMatch(/interrupted\n$/);
      expect(stage.sandboxed(["session", "archive", "last"]).status).not.toBe(0);
      const before = recordsOf(stage);

      const { stdout, status, stderr } = stage.sandboxed(["session", "resume", "last", "--json"]);
      expect(status, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ state: "ended" });
      expect(stage.sandboxed(["session", "list"]).stdout).toMatch(/ended\n$/);
      expect(stage.sandboxed(["audit", "verify", "last"]).status).toBe(0);
      const added = recordsOf(stage).slice(before.length);
      expect(recordsOf(stage).slice(0, before.length)).toEqual(before);
      expect(added.map(({ kind }) => kind)).toEqual(["run.interrupted", "session.closed"]);
      expect(stage.read("went-on")).toBeNull();
      expect(stage.sandboxed(["session", "resume", "last"]).stderr).toContain("nothing to resume: it is ended");
      expect(stage.sandboxed(["session", "archive", "last"]).status).toBe(0);
    }));
});
