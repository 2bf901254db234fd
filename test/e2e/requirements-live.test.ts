import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { listSessions, readJournal } from "../../src/audit/index.ts";
import { RequiringMachine, requirementsFile, startHost } from "../stage/required.ts";

let machine: RequiringMachine;
let host: { readonly server: ChildProcess; readonly port: number };

beforeAll(async () => {
  machine = new RequiringMachine();
  host = await startHost();
});

afterEach(() => machine.require(null));

afterAll(() => {
  machine.remove();
  host.server.kill("SIGKILL");
});

interface Ended {
  readonly status: number | null;
  readonly said: string;
  readonly stdout: string;
  readonly effects: readonly unknown[];
}

/** A run during which the requirements become another text; the program is told to go on afterwards. */
async function during(words: readonly string[], script: string, change: () => void): Promise<Ended> {
  const earlier = journals();
  const child = machine.stage.start([...words, "--", "sh", "-c", script]);
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("no pipes");
  stdin.on("error", () => {});
  const said = text(stderr);
  let printed = "";
  stdout.setEncoding("utf8").on("data", (chunk: string) => (printed += chunk));
  const ended = once(child, "exit");
  const until = async (done: () => boolean): Promise<void> => {
    for (let i = 0; i < 500 && !done() && child.exitCode === null; i++) await sleep(10);
  };
  await until(() => printed.includes("begun\n"));
  change();
  await sleep(800);
  stdin.end("go on\n");
  await ended;
  const [own] = journals().filter((journal) => !earlier.includes(journal));
  const records = own === undefined ? [] : [...readJournal(own)];
  const effects = records.flatMap(({ kind, members }) =>
    kind === "requirements.reloaded" ? [members.get("effect")] : [],
  );
  return { status: child.exitCode, said: await said, stdout: printed, effects };
}

function journals(): readonly string[] {
  return listSessions(new Map([["HOME", machine.stage.home]])).map(({ journal }) => journal);
}

const waiting = (then: string): string => `echo begun; read -r _; ${then}`;

describe("requirements that change during a run", () => {
  it("take the network at once, and leave the program running", async () => {
    const fetching = `python3 -c "
import urllib.request
try: print(urllib.request.urlopen('http://127.0.0.1:${host.port}/', timeout=5).read().decode().strip())
except OSError: print('refused')"`;
    const words = ["--host-port", String(host.port)];
    const script = `${fetching}; ${waiting(fetching)}`;
    machine.require("# nothing\n");
    const free = await during(words, script, () => machine.require("# nothing either\n"));
    expect([free.stdout, free.status]).toEqual(["reached\nbegun\nreached\n", 0]);
    machine.require("# nothing\n");
    const { stdout, status, said, effects } = await during(words, script, () =>
      machine.require(`[network]\ndenied_domains = ["127.0.0.1:${host.port}"]\n`),
    );
    expect([stdout, status, effects]).toEqual(["reached\nbegun\nrefused\n", 0, ["narrowed"]]);
    expect(said).toContain("what they forbid now holds");
    expect(said).toContain(`${requirementsFile}:2`);
  });

  it("end a run that has what it could not have been started with", async () => {
    const { outside } = machine.stage;
    const words = ["-r", outside];
    const script = waiting(`cat ${outside}/victim`);
    machine.require("# nothing\n");
    const { stdout, said, effects, status } = await during(words, script, () =>
      machine.require(`[permissions.filesystem]\ndeny_read = ["${outside}"]\n`),
    );
    expect([stdout, effects]).toEqual(["begun\n", ["ended"]]);
    expect(said).toContain("could not start any more");
    expect(status).not.toBe(0);
    machine.require("# nothing\n");
    const other = await during(words, script, () =>
      machine.require('[permissions.filesystem]\ndeny_read = ["/srv"]\n'),
    );
    expect([other.stdout, other.status, other.effects]).toEqual(["begun\nuntouched\n", 0, ["narrowed"]]);
  });

  it("that contradict how it was started end it, those that cannot be used change nothing", async () => {
    const script = waiting("echo went on");
    machine.require("# nothing\n");
    const conflict = await during(["-P", ":workspace"], script, () =>
      machine.require('allowed_sandbox_modes = ["read-only"]\n'),
    );
    expect([conflict.stdout, conflict.effects]).toEqual(["begun\n", ["ended"]]);
    machine.require("# nothing\n");
    const broken = await during(["-P", ":workspace"], script, () => {
      // As editors save: another file takes the name.
      const draft = join(machine.folder, "draft");
      writeFileSync(draft, "allowed_sandbox_mode = [\n");
      renameSync(draft, join(machine.folder, "requirements.toml"));
    });
    expect([broken.stdout, broken.status, broken.effects]).toEqual(["begun\nwent on\n", 0, ["kept"]]);
    expect(broken.said).toContain("those of before stay in force");
  });

  it("take of what a program was granted what they forbid, and leave it the rest", async () => {
    const { outside } = machine.stage;
    const asking = (path: string): string =>
      `python3 -c "
import sandboxed
try:
  with sandboxed.connect() as session: session.call('session.write', path='${path}', content='x'); print('written')
except Exception as error: print(error.code)"`;
    const words = ["--grant", `fs.write=**,${outside}/**`];
    const script = (name: string): string =>
      `${asking(`${outside}/1-${name}`)}; ${waiting(`${asking(`${outside}/2-${name}`)}; ${asking(`3-${name}`)}`)}`;
    machine.require("# nothing\n");
    const free = await during(words, script("free"), () => machine.require("# nothing either\n"));
    expect([free.stdout, free.status]).toEqual(["written\nbegun\nwritten\nwritten\n", 0]);
    machine.require("# nothing\n");
    const { stdout, status, effects } = await during(words, script("cut"), () =>
      machine.require(`[permissions.filesystem]\ndeny_write = ["${outside}"]\n`),
    );
    expect([stdout, status, effects]).toEqual(["written\nbegun\npolicy_denied\nwritten\n", 0, ["narrowed"]]);
    expect([machine.stage.read(`${outside}/2-free`), machine.stage.read(`${outside}/2-cut`)]).toEqual(["x", null]);
  });

  it("reach what the program spawned: its network, and what it was granted", async () => {
    const { outside } = machine.stage;
    // It tries all once before the change and once after it.
    const child = `
import os, sandboxed, sys, time, urllib.request
def fetch():
    try: return urllib.request.urlopen("http://127.0.0.1:${host.port}/", timeout=5).read().decode().strip()
    except OSError: return "refused"
def write(path):
    try:
        with sandboxed.connect() as session: session.write(path, "x")
        return "written"
    except sandboxed.SessionError as error: return error.code
for turn in "before", "after":
    print(fetch(), write("${outside}/" + sys.argv[1] + turn), write(sys.argv[1] + turn), flush=True)
    while not os.path.exists(sys.argv[1] + "-go"): time.sleep(0.02)
    open(sys.argv[1] + "-seen", "w").close()
`;
    const parent = `
import os, sandboxed, sys, threading, time
session = sandboxed.connect()
def spawn():
    print(session.spawn(["python3", "child.py", sys.argv[1]], ["fs.write=**,${outside}/**"])["stdout"], end="", flush=True)
thread = threading.Thread(target=spawn)
thread.start()
while not os.path.exists(sys.argv[1] + "before"): time.sleep(0.02)
print("begun", flush=True)
input()
open(sys.argv[1] + "-go", "w").close()
thread.join()
`;
    machine.stage.write("child.py", child);
    machine.stage.write("parent.py", parent);
    const grants = ["--grant", "agents", "--grant", `fs.write=**,${outside}/**`];
    const words = ["-q", "--host-port", String(host.port), ...grants];
    machine.require("# nothing\n");
    const free = await during(words, "python3 parent.py free", () => machine.require("# nothing either\n"));
    const before = "reached written written\n";
    expect([free.stdout, free.status]).toEqual([`begun\n${before}${before}`, 0]);
    machine.require("# nothing\n");
    const { stdout, status } = await during(words, "python3 parent.py cut", () =>
      machine.require(
        `[network]\ndenied_domains = ["127.0.0.1:${host.port}"]\n[permissions.filesystem]\ndeny_write = ["${outside}"]\n`,
      ),
    );
    expect([stdout, status]).toEqual([`begun\n${before}refused policy_denied written\n`, 0]);
    expect(machine.stage.read(`${outside}/cutafter`)).toBe(null);
  });
});
