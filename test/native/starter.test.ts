import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GuardByNode } from "../../src/sandbox/linux/launch/by-node.ts";
import { GuardByStarter } from "../../src/sandbox/linux/launch/by-starter.ts";
import type { Guard, GuardRequest } from "../../src/sandbox/linux/launch/guard.ts";
import { loadStarter } from "../../src/sandbox/linux/launch/starter.ts";
import { native } from "./launch.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "starter-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = join(native, "sandbox-starter.node");

function starter() {
  const loaded = loadStarter(path);
  if (loaded === null) throw new Error("the starter cannot be loaded here");
  return loaded;
}

/** A program in place of the guard. */
function script(text: string): string {
  const file = join(folder, "program");
  writeFileSync(file, `#!/usr/bin/python3 -I\n${text}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Both ways of starting a guard are one interface. */
const ways = [
  { way: "the starter", begin: (request: GuardRequest): Guard => new GuardByStarter(starter(), request) },
  { way: "Node", begin: (request: GuardRequest): Guard => new GuardByNode(request) },
];

interface Started {
  readonly guard: Guard;
  readonly heard: { init: string; guard: string };
}

function start(begin: (request: GuardRequest) => Guard, program: string, more: Partial<GuardRequest> = {}): Started {
  const heard = { init: "", guard: "" };
  const names = ["five", "six", "seven"].map((name) => {
    writeFileSync(join(folder, name), name);
    return openSync(join(folder, name), "r");
  });
  const [five = -1, six = -1, seven = -1] = names;
  const request: GuardRequest = {
    program,
    streams: ["ignore", "pipe", "inherit"],
    files: [five, six, seven],
    hasDoor: false,
    estate: null,
    onInit: (chunk) => void (heard.init += chunk.toString()),
    onGuard: (chunk) => void (heard.guard += chunk.toString()),
    ...more,
  };
  try {
    return { guard: begin(request), heard };
  } finally {
    names.forEach(closeSync);
  }
}

async function textOf({ streams: { stdout } }: Guard): Promise<string> {
  const chunks: Buffer[] = [];
  stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stdout?.once("close", resolve));
  return Buffer.concat(chunks).toString();
}

const openHere = (): readonly string[] => readdirSync("/proc/self/fd");

describe.each(ways)("a guard that is started by $way", ({ begin }) => {
  it("has its files, no environment, the root directory, no signal of ours, and nothing else that is open here", async () => {
    process.on("SIGUSR1", () => {});
    writeFileSync(join(folder, "secret"), "");
    const secret = openSync(join(folder, "secret"), "r");
    try {
      const { guard } = start(
        begin,
        script(`
import os, signal
fds = sorted(int(n) for n in os.listdir("/proc/self/fd"))
print([os.read(n, 99).decode() for n in (5, 6, 7)], {k: v for k, v in os.environ.items() if k != "LC_CTYPE"}, os.getcwd())
status = open("/proc/self/status").read()
print([line.split()[1] for line in status.splitlines() if line.startswith(("SigBlk", "SigCgt"))])
held = {os.readlink("/proc/self/fd/%d" % n) for n in fds if n > 7 and os.path.exists("/proc/self/fd/%d" % n)}
print(signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL, any("secret" in name for name in held))`),
      );
      const [first, signals, rest] = (await textOf(guard)).split("\n");
      expect(first).toBe("['five', 'six', 'seven'] {} /");
      // Python itself listens to SIGINT.
      expect(signals).toBe("['0000000000000000', '0000000000000002']");
      expect(rest).toBe("True False");
      await guard.ended;
    } finally {
      process.removeAllListeners("SIGUSR1");
      closeSync(secret);
    }
  });

  it("hears and is heard on both channels, to what was said last", async () => {
    const { guard, heard } = start(
      begin,
      script(`
import os
for n in (3, 4): os.write(n, b"up%d\\n" % n)
said = b"".join(os.read(n, 100) for n in (3, 4))
os.write(4, said + b"x" * 300000)`),
    );
    guard.toInit("one");
    guard.toGuard("two");
    await guard.ended;
    expect(heard).toEqual({ init: "up3\n", guard: `up4\none\ntwo\n${"x".repeat(300_000)}` });
    guard.toInit("nobody is there");
  });

  it("takes more than it reads at once", async () => {
    const { guard, heard } = start(
      begin,
      script(`
import os, time
time.sleep(0.3)
got = 0
while got < 20000 * 21: got += len(os.read(3, 65536))
os.write(4, b"all")`),
    );
    for (let line = 0; line < 20_000; line++) guard.toInit("a line of 20 letters");
    await guard.ended;
    expect(heard.guard).toBe("all");
  });

  it("is heard to the end where it ends without hearing all", async () => {
    const { guard, heard } = start(begin, script(`import os\nos.write(3, b"x" * 100000)\nos.write(4, b"y" * 100000)`));
    guard.toInit("not heard");
    guard.toGuard("not heard");
    // Meanwhile it says its last, and goes: all of that is found at once.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
    await guard.ended;
    expect([heard.init.length, heard.guard.length]).toEqual([100_000, 100_000]);
  });

  it("is hung up on, and its end is told", async () => {
    const { guard } = start(begin, script(`import os\nos.read(3, 9)\nos.read(4, 9)\nprint("both ended")`));
    guard.hangUp();
    expect(await textOf(guard)).toBe("both ended\n");
    await guard.ended;
    guard.hangUp();
    guard.toGuard("nobody is there");
  });

  it("is waited for until its streams end, whoever holds them", async () => {
    const { guard } = start(
      begin,
      script(`
import os, time
if os.fork() == 0:
  time.sleep(0.3)
  print("the last word", flush=True)`),
    );
    const text = textOf(guard);
    await guard.ended;
    expect(await text).toBe("the last word\n");
  });

  it("is gone when nobody reads what it writes", async () => {
    const { guard } = start(begin, script(`print("x" * 10)`));
    await guard.ended;
  });

  it("leaves nothing open here, however often", async () => {
    const before = openHere();
    const program = script("pass");
    for (let times = 0; times < 20; times++) {
      const { guard } = start(begin, program);
      await Promise.all([textOf(guard), guard.ended]);
    }
    await sleep(50);
    expect(openHere().length).toBeLessThanOrEqual(before.length + 1);
  });
});

describe("the starter", () => {
  it("says why nothing was started, and leaves nothing open here", () => {
    const before = openHere();
    for (const program of [join(folder, "absent"), folder])
      expect(() => start((request) => new GuardByStarter(starter(), request), program)).toThrow(/^exec: /);
    expect(openHere()).toEqual(before);
  });

  it.each([
    ["too many", Array.from({ length: 17 }, () => -1)],
    ["what is no number", ["1"]],
    ["what is no wish", [-4]],
    ["three channels", [-2, -2, -2]],
  ])("refuses %s", (_, descriptors) => {
    const before = openHere();
    expect(() => Reflect.apply(Reflect.get(starter(), "start"), null, [script("pass"), descriptors, () => {}])).toThrow(
      /Invalid/,
    );
    expect(openHere()).toEqual(before);
  });

  const inAThread = `
const { Worker, isMainThread } = require("node:worker_threads");
if (isMainThread) {
  const worker = new Worker(__filename);
  worker.once("message", () => void worker.terminate());
  worker.once("exit", () => setTimeout(() => process.exit(7), 300));
} else {
  const module = { exports: {} };
  process.dlopen(module, process.env.STARTER);
  module.exports.start(process.env.PROGRAM, [0, 1, 2, -2, -2], () => {});
  require("node:worker_threads").parentPort.postMessage("up");
}`;
  const throwing = `
process.on("uncaughtException", (error) => { console.log(error.message); process.exit(8); });
const module_ = { exports: {} };
process.dlopen(module_, process.env.STARTER);
module_.exports.start(process.env.PROGRAM, [0, 1, 2, -2, -2], () => { throw new Error("of the host"); });`;
  const crossed = `
const module_ = { exports: {} };
process.dlopen(module_, process.env.STARTER);
module_.exports.start(process.env.PROGRAM, [0, 1, 2, 4, 3], () => process.exit(9));`;
  it.each([
    {
      what: "survives a thread that ends before its program does",
      text: inAThread,
      program: `os.read(3, 9)\nprint("ended", flush=True)`,
      ends: [7, "ended\n"],
    },
    {
      what: "leaves an exception of whoever listens to the process",
      text: throwing,
      program: `os.write(3, b"x")\nos.read(4, 1)`,
      ends: [8, "of the host\n"],
    },
    {
      what: "places descriptors whose numbers are each other's places",
      text: crossed,
      program: `print(os.read(3, 9), os.read(4, 9))`,
      ends: [9, "b'two' b'one'\n"],
    },
  ])("$what", ({ text, program, ends }) => {
    const file = join(folder, "host.cjs");
    writeFileSync(file, text);
    const open = ["one", "two"].map((name) => {
      writeFileSync(join(folder, name), name);
      return openSync(join(folder, name), "r");
    });
    const host = spawnSync(process.execPath, [file], {
      encoding: "utf8",
      cwd: folder,
      env: { STARTER: path, PROGRAM: script(`import os\n${program}`) },
      stdio: ["ignore", "pipe", "pipe", ...open],
      timeout: 20_000,
    });
    open.forEach(closeSync);
    expect([host.status, host.stdout, host.stderr]).toEqual([...ends, ""]);
  });
});
