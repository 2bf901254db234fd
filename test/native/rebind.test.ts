import { execFileSync, spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { asRoot, everybody, remove, start, workFolder } from "./launch.ts";
import type { Outcome, Started, Who, Words } from "./launch.ts";

describe.each(everybody)("a protected file that the host replaces, started by $name", (who) => {
  let work = "";
  /** What the init says as it says it, by the first word. */
  let said = new EventEmitter();
  const git = (): string => join(work, ".git");
  const config = (): string => join(git(), "config");
  beforeEach(() => {
    said = new EventEmitter();
    work = workFolder(who);
    mkdirSync(join(git(), "hooks"), { recursive: true });
    writeFileSync(config(), "[core]\n\tbare = false\n");
    own(who, git(), join(git(), "hooks"), config());
  });
  afterEach(() => remove(work));

  /** Runs a script with the configuration and the hooks read-only, told to keep them so. */
  const go = (script: string): Started =>
    start({
      who,
      work,
      run: script,
      mounts: [`--bind ${git()} ${git()} --ro-bind ${config()} ${config()} --ro-bind ${git()}/hooks ${git()}/hooks`],
      init: [
        ["rebind", config()],
        ["rebind", `${git()}/hooks`],
      ] satisfies Words[],
      onLine: (line) => void said.emit(line.split(" ")[0] ?? ""),
    });
  const replace = (content: string): void => {
    writeFileSync(`${config()}.lock`, content);
    own(who, `${config()}.lock`);
    renameSync(`${config()}.lock`, config());
  };
  /** Waits for the answer: two replacements that the init sees at once may be the program's, and end the run. */
  const untilBound = async (run: Started, act: () => void): Promise<void> => {
    const bound = once(said, "rebound");
    act();
    await Promise.race([bound, run.outcome]);
  };
  const until = async (name: string): Promise<void> => {
    for (let i = 0; !existsSync(join(work, name)) && i < 500; i++) await sleep(10);
  };
  // A program that tries all the time, and tells what it could do.
  const busy = `touch started; i=0; while [ ! -e go ] || [ $i -lt 4 ]; do (echo '[core] hooksPath = /evil' >>.git/config) 2>/dev/null && echo wrote; i=$((i+1)); done; echo tried; cat .git/config`;

  it("is read-only again, several times over, and the program sees the new one", async () => {
    const run = go(
      `touch started; while [ ! -e go ]; do sleep 0.02; done; (echo evil >>.git/config) 2>/dev/null && echo wrote; mv .git/config .git/c2 2>/dev/null && echo moved; rm -f .git/config 2>/dev/null && echo removed; cat .git/config`,
    );
    await until("started");
    for (const content of ["first\n", "second\n", "third\n"]) await untilBound(run, () => replace(content));
    writeFileSync(join(work, "go"), "");
    const { lines, out } = await run.outcome;
    expect(lines).toEqual(["ready", "started", ...Array.from({ length: 3 }, () => `rebound ${config()}`), "exit 0"]);
    expect(out).toBe("third\n");
    expect(readFileSync(config(), "utf8")).toBe("third\n");
  });

  it("with `git config` is read-only again", async () => {
    const run = go(
      "touch started; while [ ! -e go ]; do sleep 0.02; done; (echo evil >>.git/config) 2>/dev/null && echo wrote; exit 0",
    );
    await until("started");
    await untilBound(run, () => execFileSync("git", ["config", "--file", config(), "user.name", "Somebody"]));
    writeFileSync(join(work, "go"), "");
    const outcome = await run.outcome;
    expect(outcome.lines).toEqual(["ready", "started", `rebound ${config()}`, "exit 0"]);
    expect(outcome.out).toBe("");
    expect(readFileSync(config(), "utf8")).toContain("name = Somebody");
  });

  it("was never changed by a program that lies in wait, or the run has ended saying so", async () => {
    const run = go(busy);
    await until("started");
    for (let i = 0; i < 5; i++) {
      replace(`version ${i}\n`);
      await sleep(60);
    }
    writeFileSync(join(work, "go"), "");
    const { lines, out } = await run.outcome;
    const changed = readFileSync(config(), "utf8").includes("evil") || out.includes("wrote");
    if (lines.some((line) => line.startsWith("tampered"))) expect(lines.at(-1)).toBe(`tampered ${config()}`);
    else expect([changed, out]).toEqual([false, "tried\nversion 4\n"]);
  });

  it("may be read by the program all the time", async () => {
    const run = go("touch started; while [ ! -e go ]; do read x <.git/config; done; cat .git/config");
    await until("started");
    for (let i = 0; i < 5; i++) await untilBound(run, () => replace(`version ${i}\n`));
    writeFileSync(join(work, "go"), "");
    expect(await run.outcome).toMatchObject({ out: "version 4\n" });
  });

  // Opened under its earlier name, the descriptor kept in no table but in a message nobody has received.
  it("cannot be held open for writing from before", async () => {
    writeFileSync(`${config()}.lock`, "new\n");
    own(who, `${config()}.lock`);
    const run = go(`exec python3 -c '
import os, socket, time
a, b = socket.socketpair()
fd = os.open(".git/config.lock", os.O_WRONLY)
socket.send_fds(a, [b"x"], [fd])
os.close(fd)
open("started", "w")
while not os.path.exists("go"): time.sleep(0.02)
_, [fd], _, _ = socket.recv_fds(b, 1, 1)
os.write(fd, b"evil")
'`);
    await until("started");
    await untilBound(run, () => renameSync(`${config()}.lock`, config()));
    writeFileSync(join(work, "go"), "");
    expect((await run.outcome).lines.at(-1)).toBe(`tampered ${config()}`);
    expect(readFileSync(config(), "utf8")).toBe("new\n");
  });

  it("twin: without being told to, the program writes to the new file", async () => {
    const run = start({
      who,
      work,
      run: "touch started; while [ ! -e go ]; do sleep 0.02; done; (echo evil >>.git/config) && echo wrote",
      mounts: [`--bind ${git()} ${git()} --ro-bind ${config()} ${config()}`],
    });
    await until("started");
    replace("new\n");
    writeFileSync(join(work, "go"), "");
    expect((await run.outcome).out).toBe("wrote\n");
  });

  it.each<{ what: string; act: () => void }>([
    { what: "taken away and written anew", act: () => (rmSync(config()), writeFileSync(config(), "anew\n")) },
    {
      what: "a replaced folder",
      act: () => (renameSync(`${git()}/hooks`, `${git()}/old`), mkdirSync(`${git()}/hooks`)),
    },
    { what: "a moved parent", act: () => renameSync(git(), join(work, "elsewhere")) },
    {
      what: "a symlink in its place",
      act: () => (spawnSync("ln", ["-s", "/etc/passwd", `${config()}.lock`]), renameSync(`${config()}.lock`, config())),
    },
  ])("ends the run when it is $what", async ({ act }) => {
    const run = go("touch started; sleep 20");
    await until("started");
    act();
    const { lines, milliseconds } = await run.outcome;
    expect(lines.at(-1)).toMatch(/^tampered /);
    expect(milliseconds).toBeLessThan(10_000);
  });

  it("taken away by the host cannot be filled by the program", async () => {
    const run = go("touch started; while [ -e .git/config ]; do :; done; sleep 0.1; echo evil >.git/config; sleep 5");
    await until("started");
    rmSync(config());
    expect((await run.outcome).lines.at(-1)).toBe(`tampered ${config()}`);
  });

  it("may be edited in place, and its neighbours may come and go", async () => {
    const run = go(
      "touch started; while [ ! -e go ]; do sleep 0.02; done; cat .git/config; touch .git/HEAD.lock && mv .git/HEAD.lock .git/HEAD && echo moved",
    );
    await until("started");
    appendFileSync(config(), "# by the host\n");
    for (let i = 0; i < 50; i++) writeFileSync(join(git(), `index${i}`), "");
    writeFileSync(join(work, "go"), "");
    const { lines, out } = await run.outcome;
    expect(lines).toEqual(["ready", "started", "exit 0"]);
    expect(out).toMatch(/# by the host\nmoved\n$/);
  });

  it("goes on with everything that was stopped, and leaves stopped what was", async () => {
    const run = go(
      "sh -c 'kill -STOP $$; echo never' & until grep -q '^State:.T' /proc/$!/status; do sleep 0.02; done; touch started; while [ ! -e go ]; do sleep 0.02; done; cut -d' ' -f3 /proc/$!/stat; seq 3",
    );
    await until("started");
    await untilBound(run, () => replace("new\n"));
    writeFileSync(join(work, "go"), "");
    const outcome: Outcome = await run.outcome;
    expect(outcome.lines).toContain(`rebound ${config()}`);
    expect(outcome.out).toBe("T\n1\n2\n3\n");
  });
});

function own(who: Who, ...paths: Words): void {
  if (asRoot) for (const path of paths) chownSync(path, who.runs, who.runs);
}
