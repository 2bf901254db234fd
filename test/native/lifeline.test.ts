import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { everybody, remove, run, somebody, start, workFolder } from "./launch.ts";
import type { Launch, Outcome, Words } from "./launch.ts";
import { Tool } from "./tool-process.ts";

let work = "";
beforeEach(() => {
  work = workFolder(somebody);
});
afterEach(() => remove(work));

/** Waits for something another process does. */
async function until(what: () => boolean, milliseconds = 5_000): Promise<void> {
  for (const end = Date.now() + milliseconds; !what(); await sleep(10)) {
    if (Date.now() > end) throw new Error(`not within ${milliseconds} ms`);
  }
}

/** Processes whose command line holds the mark. */
function alive(mark: string): string {
  return spawnSync("pgrep", ["-af", mark], { encoding: "utf8" }).stdout.trim();
}

// A child in a session of its own that ignores what may be ignored, one that was stopped, and the guard itself.
const stubborn = (mark: string): string =>
  `(trap '' TERM HUP INT; setsid sh -c "trap '' TERM HUP INT; while :; do sleep 0.${mark}; done" & ) ; (sleep ${mark} & kill -STOP $!); touch started; sleep ${mark}`;

describe("when the launcher is killed", () => {
  let tool: Tool;
  beforeAll(() => {
    tool = new Tool();
  });
  afterAll(() => tool.remove());

  it.each(everybody)("nothing is left, started by $name", async (who) => {
    const place = workFolder(who);
    const mark = `98${who.starts}${who.runs}`;
    const request = {
      who,
      work: place,
      run: stubborn(mark),
      guard: [
        ["stderr", "tee"],
        ["placeholder", `${place}/.vscode`],
        ["quarantine", `${place}/.envrc`, `${place}/aside`],
      ],
    };
    const [node, ...words] = tool.command(request);
    const launcher = spawn(node, words, { stdio: "ignore" });
    await until(() => existsSync(join(place, "started")));
    expect(existsSync(join(place, ".vscode"))).toBe(true);
    writeFileSync(join(place, ".envrc"), "evil");
    expect(alive(mark)).not.toBe("");
    launcher.kill("SIGKILL");
    await until(() => alive(mark) === "" && alive(place) === "");
    await until(() => !existsSync(join(place, ".vscode")) && existsSync(join(place, "aside")));
    remove(place);
  });

  it.each(everybody)("nothing is left without namespaces either, started by $name", async (who) => {
    const place = workFolder(who);
    const mark = `96${who.starts}${who.runs}`;
    const init = [
      ["readable", "/"],
      ["writable", "/dev"],
    ];
    const [node, ...words] = tool.command({ who, work: place, run: stubborn(mark), direct: true, init });
    const launcher = spawn(node, words, { stdio: "ignore" });
    await until(() => existsSync(join(place, "started")));
    launcher.kill("SIGKILL");
    await until(() => alive(mark) === "" && alive(place) === "");
    remove(place);
  });

  it("the aftermath begins when all is over, and has nothing of the run's", async () => {
    const script = join(work, "aftermath.cjs");
    writeFileSync(
      script,
      `const { readFileSync, readlinkSync, writeFileSync } = require("node:fs");
       const streams = [1, 2].map((fd) => readlinkSync("/proc/self/fd/" + fd));
       const said = { input: readFileSync(0, "utf8"), streams, names: Object.keys(process.env), cwd: process.cwd() };
       writeFileSync(__dirname + "/said.part", JSON.stringify(said));
       require("node:fs").renameSync(__dirname + "/said.part", __dirname + "/said");`,
    );
    const request = {
      who: somebody,
      work,
      run: "touch started; sleep 60",
      guard: [["aftermath", process.execPath, script]],
      estate: "what was left",
    };
    const [node, ...words] = tool.command(request);
    const launcher = spawn(node, words, { stdio: "ignore", env: { ...process.env, SECRET: "x" } });
    await until(() => existsSync(join(work, "started")));
    expect(existsSync(join(work, "said"))).toBe(false);
    launcher.kill("SIGKILL");
    await until(() => existsSync(join(work, "said")));
    expect(JSON.parse(readFileSync(join(work, "said"), "utf8"))).toEqual({
      input: "what was left",
      streams: ["/dev/null", "/dev/null"],
      names: [],
      cwd: "/",
    });
  });

  it("or leaves with a signal, the program is told", async () => {
    const [node, ...words] = tool.command({
      who: somebody,
      work,
      run: "trap 'echo told >told; exit 9' TERM; touch started; while :; do sleep 0.05; done",
    });
    const launcher = spawn(node, words, { stdio: "ignore" });
    const ended = new Promise((resolve) => launcher.once("exit", resolve));
    await until(() => existsSync(join(work, "started")));
    launcher.kill("SIGTERM");
    expect(await ended).toBe(9);
    expect(readFileSync(join(work, "told"), "utf8")).toBe("told\n");
  });
});

it("when the guard is killed, the sandbox dies with it", async () => {
  const { child, outcome } = start({ who: somebody, work, run: stubborn("9761") });
  await until(() => existsSync(join(work, "started")));
  child.kill("SIGKILL");
  await until(() => alive("9761") === "");
  await outcome;
});

it("signals to the guard and bwrap end nothing", async () => {
  const { child, outcome } = start({ who: somebody, work, run: "touch started; sleep 0.5; exit 3" });
  await until(() => existsSync(join(work, "started")));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGALRM"] as const) child.kill(signal);
  const bwrap = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
  spawnSync("kill", ["-INT", bwrap]);
  spawnSync("kill", ["-TERM", bwrap]);
  expect((await outcome).lines.at(-1)).toBe("exit 3");
});

it("a grandchild that holds the streams keeps nobody waiting", async () => {
  const { milliseconds, out } = await run({
    who: somebody,
    work,
    run: "sleep 60 & setsid sleep 61 & echo done",
    guard: [["stderr", "tee"]],
  });
  expect(out).toBe("done\n");
  expect(milliseconds).toBeLessThan(3_000);
});

it("signals reach the program's whole group, and 9 the tree", async () => {
  const script =
    "sh -c 'trap \"echo child; exit\" USR1; touch one; while :; do sleep 0.02; done' & trap 'wait; echo own; exit 5' USR1; touch two; wait";
  const asked = start({ who: somebody, work, run: script });
  await until(() => existsSync(join(work, "one")) && existsSync(join(work, "two")));
  asked.toInit("signal 10");
  expect(await asked.outcome).toMatchObject({ out: "child\nown\n", lines: ["ready", "started", "exit 5"] });
  const killed = start({ who: somebody, work, run: stubborn("9762") });
  await until(() => existsSync(join(work, "started")));
  killed.toInit("signal 9");
  expect((await killed.outcome).lines.at(-1)).toBe("signal 9");
  expect(alive("9762")).toBe("");
});

it("before `go` nothing runs, and the launcher may still leave", async () => {
  const { outcome, toInit } = start({ who: somebody, work, run: "touch ran", holdsBack: true });
  toInit("signal 15");
  expect((await outcome).lines.at(-1)).toBe("signal 15");
  expect(readdirSync(work)).toEqual([]);
});

function sayDone(_line: string, launch: Launch): void {
  launch.toGuard("done");
}

/** Runs a script; `done` tells the guard that there is nothing left to do. */
function sweep(script: string, guard: readonly Words[], done = false): Promise<Outcome> {
  return run({ who: somebody, work, run: script, guard, ...(done && { onLine: sayDone }) });
}

describe("the final sweep", () => {
  it("removes the placeholders it made that are still empty, and nothing else", async () => {
    for (const name of ["real", "there"]) mkdirSync(join(work, name));
    writeFileSync(join(work, "text"), "");
    const names = ["empty", "there", "text", "absent/one", "used", "file", "link"];
    const { out } = await sweep(
      "stat -c %a empty; rmdir used file link; mkdir used; echo x >used/mine; echo x >file; ln -s real link",
      names.map((name) => ["placeholder", `${work}/${name}`]),
    );
    expect(out).toBe("555\n");
    expect(readdirSync(work).toSorted()).toEqual(["file", "link", "real", "text", "there", "used"]);
  });

  it("moves aside what a placeholder was filled with, and leaves that of another run", async () => {
    const { guard } = await sweep(
      "rmdir .vscode; mkdir .vscode .idea; echo evil >.vscode/tasks.json; chmod 555 .idea",
      [
        ["placeholder", `${work}/.vscode`],
        ["quarantine", `${work}/.vscode`, `${work}/store/deep/.vscode`],
        ["quarantine", `${work}/.idea`, `${work}/store/deep/.idea`],
      ],
    );
    expect(guard.slice(0, -1)).toEqual([`quarantined ${work}/.vscode ${work}/store/deep/.vscode`]);
    expect(readdirSync(work).toSorted()).toEqual([".idea", "store"]);
    expect(readFileSync(join(work, "store/deep/.vscode/tasks.json"), "utf8")).toBe("evil\n");
    expect(lstatSync(join(work, "store/deep")).mode & 0o777).toBe(0o700);
  });

  it("makes no store where a symlink leads", async () => {
    mkdirSync(join(work, "real"));
    symlinkSync("real", join(work, "store"));
    const { guard } = await sweep("echo evil >.envrc", [["quarantine", `${work}/.envrc`, `${work}/store/.envrc`]]);
    expect(guard[0]).toBe(`quarantined ${work}/.envrc ${work}/.envrc.sandboxed-quarantine`);
    expect(readdirSync(join(work, "real"))).toEqual([]);
  });

  it("moves a name that appeared aside, whatever it is, and never over another", async () => {
    mkdirSync(join(work, "store"));
    writeFileSync(join(work, "store/file"), "older");
    const { guard } = await sweep("echo evil >file; mkdir -p folder/deep; ln -s /etc/passwd link", [
      ["quarantine", `${work}/file`, `${work}/store/file`],
      ["quarantine", `${work}/folder`, `${work}/store/fol der`],
      ["quarantine", `${work}/link`, `${work}/store/link`],
      ["quarantine", `${work}/never`, `${work}/store/never`],
    ]);
    expect(guard.slice(0, -1)).toEqual([
      `quarantined ${work}/file ${work}/store/file.1`,
      `quarantined ${work}/folder ${work}/store/fol\\040der`,
      `quarantined ${work}/link ${work}/store/link`,
    ]);
    expect(readdirSync(work)).toEqual(["store"]);
    expect(readFileSync(join(work, "store/file"), "utf8")).toBe("older");
    expect(readlinkSync(join(work, "store/link"))).toBe("/etc/passwd");
  });

  it("leaves all as it is when the launcher did it, or nothing appeared", async () => {
    const records = [
      ["quarantine", `${work}/file`, `${work}/aside`],
      ["placeholder", `${work}/placeholder`],
    ];
    await sweep("echo x >file", records, true);
    expect(readdirSync(work).toSorted()).toEqual(["file", "placeholder"]);
  });

  it("follows no symlink the run laid, but takes it away", async () => {
    const outside = workFolder(somebody);
    writeFileSync(join(outside, "attributes"), "the host's own");
    mkdirSync(join(outside, "hollow"));
    for (const name of ["info", "trap"]) mkdirSync(join(work, name));
    const { guard } = await sweep(`rmdir info; ln -s ${outside} info; mv trap away; ln -s ${outside} trap`, [
      ["quarantine", `${work}/info/attributes`, `${work}/aside`],
      ["placeholder", `${work}/trap/hollow`],
    ]);
    expect(guard[0]).toBe(`quarantined ${work}/info ${work}/aside`);
    expect(readdirSync(outside).toSorted()).toEqual(["attributes", "hollow"]);
    expect(lstatSync(join(work, "aside")).isSymbolicLink()).toBe(true);
    remove(outside);
  });

  it("uses the neighbourhood where another file system is the destination", async () => {
    const { guard } = await sweep("echo evil >.envrc", [
      ["quarantine", `${work}/.envrc`, "/dev/shm/native-quarantine"],
    ]);
    expect(guard[0]).toBe(`quarantined ${work}/.envrc ${work}/.envrc.sandboxed-quarantine`);
    expect(readdirSync(work)).toEqual([".envrc.sandboxed-quarantine"]);
  });
});

it("a placeholder whose parent was moved away is not looked for elsewhere", async () => {
  mkdirSync(join(work, "a"));
  const outcome = start({
    who: somebody,
    work,
    run: "touch started; sleep 0.3",
    guard: [["placeholder", `${work}/a/p`]],
  });
  await until(() => existsSync(join(work, "started")));
  renameSync(join(work, "a"), join(work, "b"));
  symlinkSync("b", join(work, "a"));
  await outcome.outcome;
  expect(existsSync(join(work, "b/p"))).toBe(true);
});
