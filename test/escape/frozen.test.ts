import { once } from "node:events";
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/**
 * Processes in sessions of their own that write, call, make new processes and wake all they may wake, and then a question.
 * The file grows as long as any of them acts.
 */
const restless = `
import os, signal, sandboxed, sys, time
session = sandboxed.connect()
def write():
    with open("acts", "a") as file: file.write(".")
def make():
    if os.fork() == 0: write(); os._exit(0)
    try: os.wait()
    except OSError: pass
def wake():
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            try: os.kill(int(name), signal.SIGCONT)
            except OSError: pass
    try: os.kill(-1, signal.SIGCONT)
    except OSError: pass
def call(): session.memory.set("notes", time.time()); write()
for act in (write, make, wake, wake, call):
    if os.fork() == 0:
        os.setsid()
        for each in signal.valid_signals():
            if each != signal.SIGCHLD:
                try: signal.signal(each, signal.SIG_IGN)
                except (OSError, ValueError): pass
        if os.fork(): os._exit(0)
        if act is call: session = sandboxed.connect()
        while True: act(); time.sleep(0.001)
time.sleep(0.5)
print("reply", session.checkpoint("go on?").approve, flush=True)
before = os.stat("acts").st_size
time.sleep(0.5)
print("went on", os.stat("acts").st_size > before, flush=True)
`;

const grants = "--grant checkpoint --grant memory=notes main.py";

function acts(stage: Stage): number {
  return statSync(join(stage.workspace, "acts")).size;
}

/** How much was done within a second, once a question has been waiting for a moment. */
async function doneMeanwhile(stage: Stage): Promise<number> {
  await sleep(300);
  const before = acts(stage);
  await sleep(1000);
  return acts(stage) - before;
}

describe.each(people.slice(0, 2))("while a question waits, as %s", (person) => {
  it("at the terminal, nothing of the program acts, and all of it goes on afterwards", () =>
    onStage(person, async (stage) => {
      stage.write("main.py", restless);
      const command = `${process.execPath} ${stage.tool("sandboxed-run")} -P :workspace ${grants}`;
      const child = stage.startPlain("script", ["--quiet", "--return", "--flush", "--command", command, "/dev/null"]);
      let shown = "";
      child.stdout?.on("data", (text) => (shown += String(text)));
      for (let tries = 0; tries < 1000 && !shown.includes("Allow?"); tries++) await sleep(10);
      expect(shown).toContain("Allow?");
      const done = await doneMeanwhile(stage);
      child.stdin?.write("yes\n");
      await once(child, "close");
      expect(shown).toMatch(/reply True\s+went on True/);
      expect(done).toBe(0);
    }));

  it("elsewhere, the program goes on", () =>
    onStage(person, async (stage) => {
      stage.write("main.py", restless);
      const child = stage.start(["-P", ":workspace", ...grants.split(" ")]);
      let said = "";
      child.stdout?.on("data", (text) => (said += String(text)));
      for (let tries = 0; tries < 200; tries++) {
        const { stdout } = stage.sandboxed(["session", "show", "last", "--json"]);
        if (stdout !== "" && JSON.parse(stdout).live?.questions?.length > 0) break;
        await sleep(50);
      }
      const done = await doneMeanwhile(stage);
      expect(stage.sandboxed(["session", "reply", "last", "yes"]).status).toBe(0);
      await once(child, "close");
      expect(said).toMatch(/reply True\s+went on True/);
      expect(done).toBeGreaterThan(0);
    }));
});
