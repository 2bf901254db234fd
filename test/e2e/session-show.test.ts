import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { killWithGuard } from "../stage/kill.ts";

const SCRIPT = `
import sandboxed, time
session = sandboxed.connect()
session.memory.set("notes/a", 1)
try: session.read("README.md")
except sandboxed.errors.SessionError: pass
session.summarize("told", [1])
`;
const WAITING = `${SCRIPT}
open("ready", "w").close()
session.checkpoint("Go on?")
`;
const grants = ["-q", "--grant", "memory=notes", "--grant", "summarize", "--grant", "checkpoint"];

/** Kind, status and outcome of each item that `session show` knows of. */
function items(stage: Stage): readonly unknown[] {
  const { stdout, stderr } = stage.sandboxed(["session", "show", "last", "--json"]);
  expect(stderr).toBe("");
  const shown: unknown = JSON.parse(stdout);
  const list = typeof shown === "object" && shown !== null && "items" in shown ? shown.items : null;
  if (!Array.isArray(list)) throw new Error("no items");
  return list
    .map(({ kind, status, outcome, title }: Readonly<Record<string, unknown>>) => [kind, status, outcome, title])
    .filter(([, , , title]) => title !== "session.info");
}

const begun = [
  ["call", "completed", "ok", "session.memory.set notes"],
  ["call", "failed", "not_granted", expect.stringMatching(/^session\.read /)],
  ["summary", "completed", "ok", "told"],
  ["call", "completed", "ok", "session.summarize"],
];

it("what a session did is shown, with what it came to", () =>
  onStage("self", (stage) => {
    const { status, stderr } = stage.python(SCRIPT, grants);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const [run, ...rest] = items(stage);
    expect(run).toMatchObject(["run", "completed", "0", expect.anything()]);
    expect(rest).toEqual(begun);
    const { stdout } = stage.sandboxed(["session", "show", "last"]);
    expect(stdout).toMatch(/completed {2}call c\d+: session\.memory\.set notes\n/);
    expect(stdout).toMatch(/failed not_granted {2}call c\d+: session\.read /);
  }));

it("what is under way is open, and interrupted once the tool has died", () =>
  onStage("self", async (stage) => {
    const run = stage.start([...grants, "--", "python3", "-c", WAITING]);
    while (stage.read("ready") === null) await sleep(20);
    const exited = once(run, "exit");
    // The journal has the question before anybody is asked.
    while (!items(stage).some((item) => Array.isArray(item) && item[0] === "question")) await sleep(50);
    expect(items(stage)).toContainEqual(["question", "open", null, "Go on?"]);
    expect(items(stage)[0]).toMatchObject(["run", "open", null, expect.anything()]);
    killWithGuard(run);
    await exited;
    expect(items(stage)).toContainEqual(["question", "interrupted", null, "Go on?"]);
    expect(items(stage)[0]).toMatchObject(["run", "interrupted", null, expect.anything()]);
  }));
