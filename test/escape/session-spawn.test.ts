import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const BEGIN = `
import json, os, subprocess, sandboxed, sys, urllib.request
session = sandboxed.connect()
def spawn(command, capabilities=()):
    try: return session.spawn(command, capabilities)
    except sandboxed.errors.SessionError as error: return {"code": error.code, "text": str(error), "stdout": "", "status": None}
`;

function said(stage: Stage, words: readonly string[], script: string, ending = 0): readonly unknown[] {
  const { status, stdout, stderr } = stage.python(`${BEGIN}${script}`, ["-q", "--grant", "agents", ...words]);
  expect({ status, stderr }).toEqual({ status: ending, stderr: "" });
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

describe.each(people)("what is spawned, as %s", (person) => {
  it("has no more of the files than the run", () =>
    onStage(person, (stage) => {
      stage.write("closed", "secret\n");
      const victim = join(stage.outside, "victim");
      const tries = `cat README.md; cat ${stage.home}/.ssh/id_ed25519 ${stage.home}/diary.txt closed; echo x >>${victim}; echo x >>${stage.home}/diary.txt; mkdir -p .git/hooks; echo x >.vscode/tasks.json; echo y >y`;
      const script = `
print(json.dumps(spawn(["sh", "-c", ${JSON.stringify(tries)}])["stdout"]))
print(json.dumps(spawn(["cat", ${JSON.stringify(victim)}])["stdout"]))
`;
      expect(said(stage, ["--deny", "closed"], script)).toEqual(["# project\n", ""]);
      expect([stage.read(victim), stage.read(join(stage.home, "diary.txt")), stage.read("y")]).toEqual([
        "untouched\n",
        "dear diary\n",
        "y\n",
      ]);
      expect(stage.read(".vscode/tasks.json")).toBe(null);
      // What the run has, it has.
      expect(said(stage, ["--read", stage.outside], script)[1]).toBe("untouched\n");
    }));
});

/** Of a program in `sub`, after something on the host was changed meanwhile. */
const WAITING = `
open("ready", "w").close()
import time
while not os.path.exists("go"): time.sleep(0.02)
end = spawn(["sh", "-c", "echo x >../reached; echo ran"])
print(json.dumps([end.get("code"), end["stdout"]]))
`;

it.each([
  ["is had as it was", () => {}, [null, "ran\n"]],
  [
    "is not had where it became wider",
    (stage: Stage) => stage.plain("git", ["init", "-q", "."]),
    ["policy_denied", ""],
  ],
])("what the run has %s", (_, change, expected) =>
  onStage("self", async (stage) => {
    stage.write("sub/a", "");
    const cwd = join(stage.workspace, "sub");
    const run = stage.start(["-q", "--grant", "agents", "--", "python3", "-c", BEGIN + WAITING], { cwd });
    let text = "";
    run.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    while (stage.read("sub/ready") === null) await sleep(20);
    change(stage);
    stage.write("sub/go", "");
    await once(run, "close");
    expect(JSON.parse(text)).toEqual(expected);
    expect(stage.read("reached")).toBe(null);
  }),
);

it("a repository that the caller points at is not had", () =>
  onStage("self", (stage) => {
    const elsewhere = join(stage.outside, "project");
    stage.write(join(elsewhere, "README.md"), "another\n");
    stage.plain("git", ["init", "-q", elsewhere]);
    const script = `
os.makedirs("nested")
open("nested/.git", "w").write("gitdir: ${elsewhere}/.git\\n")
print(json.dumps(spawn(["sh", "-c", "echo x >>${elsewhere}/.git/config; echo x >>${elsewhere}/README.md; echo ran"])["stdout"]))
`;
    // 123: the run itself did what nobody may.
    expect(said(stage, [], script, 123)).toEqual(["ran\n"]);
    expect(stage.read(join(elsewhere, "README.md"))).toBe("another\n");
    expect(stage.read(join(elsewhere, ".git/config"))).not.toContain("x\n");
  }));

it("a program that the caller cannot see is told from none by nothing", () =>
  onStage("self", (stage) => {
    const tool = join(stage.outside, "tool");
    stage.write(tool, "#!/bin/sh\necho ran\n");
    stage.plain("chmod", ["755", tool]);
    const script = `
names = ["${tool}", "${stage.outside}", "${stage.outside}/none", "${stage.home}/.ssh/id_ed25519"]
print(json.dumps([spawn([name])["text"].replace(name, "it") for name in names]))
`;
    const [texts] = said(stage, [], script);
    expect(new Set(Array.isArray(texts) ? texts : []).size).toBe(1);
    expect(said(stage, ["--read", stage.outside], `print(json.dumps(spawn(["${tool}"])["stdout"]))`)).toEqual([
      "ran\n",
    ]);
  }));

it("a token is worth nothing at another's door, nor after the end of its program", () =>
  onStage("self", (stage) => {
    const script = `
ping = """
import os, sandboxed, sys
def tried(token):
    try: sandboxed.connect(token=token).ping(); return "good"
    except sandboxed.errors.SessionError as error: return error.code
print(tried(os.environ["SANDBOXED_TOKEN"]), tried(sys.argv[1]), os.environ["SANDBOXED_TOKEN"])
"""
own, others, token = spawn(["python3", "-c", ping, os.environ["SANDBOXED_TOKEN"]], ["summarize"])["stdout"].split()
def tried():
    try: sandboxed.connect(token=token); return "good"
    except sandboxed.errors.SessionError as error: return error.code
print(json.dumps([own, others, tried()]))
`;
    expect(said(stage, ["--grant", "summarize"], script)).toEqual([["good", "unauthenticated", "unauthenticated"]]);
  }));

it("the network is that of the run", () =>
  onStage("self", (stage) => {
    const script = `
fetch = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:' + open('port').read(), timeout=3).read().decode())"
if os.path.exists("port"): os.remove("port")
server = subprocess.Popen(["python3", "-c", "import http.server, os; s = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler); open('port', 'w').write(str(s.server_port)); s.serve_forever()"], stderr=subprocess.DEVNULL)
import time
while not os.path.exists("port") or open("port").read() == "": time.sleep(0.02)
own = subprocess.run(["python3", "-c", fetch], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
print(json.dumps([own.returncode, spawn(["python3", "-c", fetch])["status"]]))
server.kill()
`;
    // Each has a network of its own, unless it is the host's.
    expect(said(stage, ["--network", "off"], script)).toEqual([[0, 1]]);
    expect(said(stage, ["--network", "full"], script)).toEqual([[0, 0]]);
  }));

it("requirements bound it, too", () =>
  onStage("self", (stage) => {
    const file = join(stage.outside, "requirements.toml");
    stage.write(file, `[permissions.filesystem]\ndeny_read = ["${stage.workspace}/secret"]\n`);
    stage.write("secret", "secret\n");
    const script = `print(json.dumps(spawn(["cat", "secret"])["stdout"]))`;
    expect(said(stage, [], script)).toEqual(["secret\n"]);
    expect(said(stage, ["--requirements", file], script)).toEqual([""]);
  }));
