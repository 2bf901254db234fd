import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { listSessions, readJournal } from "../../src/audit/index.ts";

/** What waits for somebody's yes in the latest session. */
async function question(
  stage: Stage,
): Promise<{ readonly kind: string; readonly text: string; readonly data: unknown }> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { stdout } = stage.sandboxed(["session", "show", "last", "--json"]);
    const [found] = stdout === "" ? [] : (JSON.parse(stdout).live?.questions ?? []);
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error("no question came");
}

function kinds(stage: Stage): readonly string[] {
  const sessions = listSessions(new Map([["HOME", stage.home]]));
  return sessions.flatMap(({ journal }) => [...readJournal(journal)].map(({ kind }) => kind));
}

/** Asks for one program, which makes a file and has one capability, and says what came of it. */
const SPAWNING = `import json, sandboxed
session = sandboxed.connect()
command = ["sh", "-c", "printf '\\\\033[2J' >made; printf \\"$SANDBOXED_CHANNEL\\" >channel"]
try: print(session.spawn(command, ["memory=notes:calls=1"])["status"])
except sandboxed.SessionError as error: print(error.code, error.details["capability"], error.details["rule"])
`;

it.each([
  ["no", "approval_denied agents=1 grant g1: agents:calls=2:approval=always\n", false],
  ["yes", "0\n", true],
] as const)("what would be spawned is shown, and spawned after a yes alone: %s", (answer, said, isMade) =>
  onStage("self", async (stage) => {
    stage.write("main.py", SPAWNING);
    const run = stage.start(["--grant", "agents=2:approval=always", "--grant", "memory=notes", "main.py"]);
    let stdout = "";
    run.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    const closed = new Promise((resolve) => run.once("close", resolve));
    const { kind, text, data } = await question(stage);
    expect({ kind, text, data }).toEqual({
      kind: "approval",
      text: "session.spawn",
      data: {
        command: ["sh", "-c", `printf '\\033[2J' >made; printf "$SANDBOXED_CHANNEL" >channel`],
        capabilities: ["memory=notes:calls=1"],
      },
    });
    expect(stage.sandboxed(["session", "show", "last"]).stdout).toContain("memory=notes:calls=1");
    // Nothing has begun meanwhile.
    expect([existsSync(join(stage.workspace, "made")), kinds(stage).includes("session.spawning")]).toEqual([
      false,
      false,
    ]);
    expect(stage.sandboxed(["session", "reply", "last", answer]).status).toBe(0);
    await closed;
    expect(stdout).toBe(said);
    expect([stage.read("made") !== null, stage.read("channel")?.startsWith("tcp://127.0.0.1:") ?? false]).toEqual([
      isMade,
      isMade,
    ]);
    expect(kinds(stage).filter((each) => each === "session.spawning")).toHaveLength(isMade ? 1 : 0);
    expect(kinds(stage).filter((each) => each === "session.opened")).toHaveLength(isMade ? 2 : 1);
  }),
);
