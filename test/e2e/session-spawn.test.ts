import { execFile } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/** What every script begins with; `told` prints what a call came to, or the code of its refusal. */
const BEGIN = `
import json, os, sandboxed, sys, threading, time
session = sandboxed.connect()
def told(value): print(json.dumps(value), flush=True)
def tried(act):
    try: return act()
    except sandboxed.errors.SessionError as error: return error.code
def spawn(command, capabilities=()):
    return tried(lambda: session.spawn(command, capabilities))
`;

function answers(stage: Stage, words: readonly string[], script: string): readonly unknown[] {
  stage.write("script.py", BEGIN + script);
  const { status, stdout, stderr } = stage.run([...words, "script.py"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

const child = (script: string): string => JSON.stringify(["python3", "-c", BEGIN + script]);

/** All records of all sessions, by kind. */
function records(stage: Stage, kind: string): readonly { readonly [name: string]: unknown }[] {
  const sessions = join(stage.home, ".local/state/sandboxed/sessions");
  return readdirSync(sessions)
    .toSorted()
    .flatMap((id) =>
      readFileSync(join(sessions, id, "journal.jsonl"), "utf8")
        .trim()
        .split("\n"),
    )
    .map((line): { readonly [name: string]: unknown } => JSON.parse(line))
    .filter((record) => record["kind"] === kind);
}

/** Times at which something was last alive. */
async function stopsWithin(read: () => string | null, ms: number): Promise<boolean> {
  const from = Date.now();
  for (;;) {
    const before = read();
    await sleep(200);
    if (read() === before) return true;
    if (Date.now() - from > ms) return false;
  }
}

describe.each(people)("a program that is spawned, as %s", (person) => {
  it("runs in the workspace, and its end and what it wrote are the answer", () =>
    onStage(person, (stage) => {
      const script = `
told(spawn(["sh", "-c", "pwd; cat README.md; echo wrong >&2; echo made > made; cat; exit 3"]))
told(spawn(["sh", "-c", "kill -TERM $$"])["signal"])
big = spawn(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\\\0' x"])
told([len(big["stdout"]), big["stdout_cut"], big["stderr_cut"], big["status"]])
told([spawn(["no-such-program"]), spawn([])])
told([name for name in os.environ if name.startswith("SANDBOXED") or name.startswith("CODEX")])
told(spawn(["sh", "-c", "env | grep -E '^(SANDBOXED|CODEX).*(TOKEN|CHANNEL)='"])["stdout"])
`;
      const [first, signal, big, refused, own, none] = answers(stage, ["--grant", "agents=9"], script);
      expect(first).toMatchObject({
        status: 3,
        exit: 3,
        signal: null,
        stdout: `${stage.workspace}\n# project\n`,
        stderr: "wrong\n",
        stdout_cut: false,
      });
      expect(stage.read("made")).toBe("made\n");
      expect([signal, big, refused]).toEqual([15, [1024 * 1024, true, false, 0], ["not_found", "invalid_params"]]);
      expect(own).toContain("SANDBOXED_TOKEN");
      expect(none).toBe("");
    }));
});

describe.each(["restricted", "off", "full"] as const)("what it was granted, network %s", (mode) => {
  it("is good at its own door, and no more than the caller has", () =>
    onStage("self", (stage) => {
      stage.write("src/a", "one");
      const script = `
grants = ["fs.read=**", "memory=notes:calls=1"]
told(spawn(${child(`
told(session.info()["capabilities"])
told([tried(lambda: session.read(path)) for path in ("src/a", "README.md")])
told([tried(lambda: session.memory.set("notes/a", 1)), tried(lambda: session.memory.set("notes/a", 2))])
told([spawn(["true"]), tried(lambda: session.summarize("no"))])
`)}, grants)["stdout"].splitlines())
told(session.memory.get("notes/a"))
told(spawn(["true"], ["summarize"]))
`;
      const grants = ["fs.read=src/**", "memory=notes", "agents=2"].flatMap((grant) => ["--grant", grant]);
      const [told, memory, more] = answers(stage, ["--network", mode, ...grants], script);
      expect(Array.isArray(told) ? told.map((line): unknown => JSON.parse(String(line))) : told).toEqual([
        ["fs.read=**", "memory=notes:calls=1"],
        ["one", "not_granted"],
        [null, "exhausted"],
        ["not_granted", "not_granted"],
      ]);
      expect([memory, more]).toEqual([1, "not_granted"]);
    }));
});

it("each counts, by whomever of the line it was asked for", () =>
  onStage("self", (stage) => {
    const script = `
told([spawn(["true"])["status"], spawn(["true"])["status"], spawn(["true"])])
`;
    expect(answers(stage, ["--grant", "agents=2"], script)).toEqual([[0, 0, "exhausted"]]);
    const deep = `
told(spawn(${child(`told([spawn(["true"])["status"], spawn(["true"])])`)}, ["agents=9"])["stdout"])
told(spawn(["true"]))
`;
    expect(answers(stage, ["--grant", "agents=2"], deep)).toEqual(['[0, "exhausted"]\n', "exhausted"]);
  }));

it("a line of them has an end", () =>
  onStage("self", (stage) => {
    stage.write(
      "line.py",
      `${BEGIN}
depth = int(sys.argv[1])
end = spawn(["python3", "line.py", str(depth + 1)], ["agents"])
print(depth, end if isinstance(end, str) else end["stdout"], end="")
`,
    );
    const { stdout, stderr } = stage.run(["-q", "--grant", "agents", "--", "python3", "line.py", "0"]);
    expect({ stdout, stderr }).toEqual({ stdout: "0 1 2 3 4 too_deep", stderr: "" });
  }));

it("the journal has it before it begins, and it has a journal of its own", () =>
  onStage("self", (stage) => {
    const [end] = answers(stage, ["--grant", "agents"], `told(spawn(["sh", "-c", "exit 4"])["session"])`);
    expect(records(stage, "session.spawning")).toMatchObject([
      { child: end, grant: "g1", argv: ["sh", "-c", "exit 4"], childGrant: null },
    ]);
    expect(records(stage, "session.spawned")).toMatchObject([{ child: end, status: 4, message: null }]);
    const opened = records(stage, "session.opened");
    const [own] = opened.filter(({ parent }) => parent === undefined);
    const [spawned] = opened.filter(({ parent }) => parent !== undefined);
    expect(opened).toHaveLength(2);
    expect(spawned).toMatchObject({ session: end, parent: own?.["session"], argv: ["sh", "-c", "exit 4"] });
    for (const id of [own?.["session"], end]) expect(stage.sandboxed(["audit", "verify", String(id)]).status).toBe(0);
    expect(new Set(records(stage, "run.ended").map(({ status }) => status))).toEqual(new Set([0, 4]));
    const last: unknown = JSON.parse(stage.sandboxed(["session", "show", "last", "--json"]).stdout);
    expect(last).toMatchObject({ session: own?.["session"] });
  }));

const HEART = ["sh", "-c", "trap '' TERM; while :; do date +%N > beat; sleep 0.05; done"];

describe("it ends within a second", () => {
  const ways = [
    ["when the caller's grant is revoked", "revoke", ["g1"]],
    ["when its own grant is revoked", "revoke", ["g1.1"]],
    ["when the session is cancelled", "cancel", []],
  ] as const;
  it.each(ways)("%s, even if it does not want to", (_, command, words) =>
    onStage("self", async (stage) => {
      const script = `${BEGIN}
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps(spawn(${JSON.stringify(HEART)}, ["memory=notes"])), flush=True)
time.sleep(20)
`;
      const grants = ["--grant", "agents", "--grant", "memory=notes"];
      const run = stage.start(["-q", ...grants, "--", "python3", "-c", script]);
      const beats = (): string | null => stage.read("beat");
      while (beats() === null) await sleep(20);
      await sleep(200);
      const exited = once(run, "exit");
      const { status, stderr } = stage.sandboxed(["session", command, "last", ...words]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(await stopsWithin(beats, 1000)).toBe(true);
      run.kill("SIGKILL");
      await exited;
    }),
  );

  it("when the run ends, which waits for it", () =>
    onStage("self", (stage) => {
      const script = `${BEGIN}
threading.Thread(target=lambda: spawn(${JSON.stringify(HEART)}), daemon=True).start()
while not os.path.exists("beat"): time.sleep(0.02)
`;
      const { status, stderr } = stage.python(script, ["-q", "--grant", "agents"]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const before = stage.read("beat");
      expect(before).not.toBe(null);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      expect(stage.read("beat")).toBe(before);
      expect(records(stage, "run.ended")).toHaveLength(2);
    }));
});

const HOST = `
import { connect } from "sandboxed-run/client";
import { builtinProfile, localTools, openSession, run } from "sandboxed-run";
const tools = localTools([
  { name: "once", isExclusive: true, async run({ channel, again }, { delegate }) {
      if (channel === undefined) return "alone";
      const session = await connect({ channel, token: delegate(["agents", "tools=*"]) });
      const end = await session.spawn(["python3", "inner.py", again], ["tools=*"]);
      session.close();
      return end.stdout;
  } },
  { name: "other", isExclusive: true, run: () => "alone" },
]);
const environment = new Map(Object.entries(process.env));
const session = openSession({ ephemeral: true, argv: [], cwd: process.cwd(), version: "test", environment });
const base = builtinProfile(":isolated");
const profile = { ...base, network: { ...base.network, mode: "full" } };
const outcome = await run({
  policy: { layers: [{ layer: "api", profile }] },
  program: "python3", arguments: ["outer.py"], script: null, cwd: process.cwd(), environment,
  workspaceRoots: null, workspace: "cwd", backend: null, terminal: "never", ephemeral: true,
  session: { id: session.id, openJournal: () => session.journal },
  streams: ["ignore", "inherit", "inherit"], explain: false, attended: false,
  grants: ["tools=*", "agents"], tools: [tools],
});
process.exitCode = outcome.status;
`;

it("what a call further up holds is answered, not waited for; what somebody else holds is had", () =>
  onStage("self", async (stage) => {
    const tool = process.env["SANDBOXED_TEST_TOOL"] ?? "";
    stage.write("inner.py", `${BEGIN}print(tried(lambda: session.tool(sys.argv[1], {})), end="")\n`);
    stage.write(
      "outer.py",
      `${BEGIN}
channel = os.environ["SANDBOXED_CHANNEL"]
began = time.monotonic()
told([session.tool("once", {"channel": channel, "again": name}) for name in ("once", "other")])
told(time.monotonic() - began < 15)
`,
    );
    const script = HOST.replaceAll('"sandboxed-run"', JSON.stringify(join(tool, "dist/index.js"))).replaceAll(
      '"sandboxed-run/client"',
      JSON.stringify(join(tool, "dist/client/index.js")),
    );
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
      cwd: stage.workspace,
      env: stage.environment(),
      timeout: 40_000,
    });
    expect(stdout.trim().split("\n")).toEqual(['["would_deadlock", "alone"]', "true"]);
  }));
