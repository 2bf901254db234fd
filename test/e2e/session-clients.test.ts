import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const tool = (): string => process.env["SANDBOXED_TEST_TOOL"] ?? "";
const grants = ["summarize", "memory=notes", "delegate"];
const granting = grants.flatMap((grant) => ["--grant", grant]);

function python(stage: Stage, script: string, words: readonly string[] = granting): string {
  stage.write("main.py", script);
  const { stdout, stderr, status } = stage.run([...words, "main.py"]);
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

describe.each(people)("the Python client, as %s", (person) => {
  it("is found by each interpreter of a run with grants, under both names, and is read-only", () =>
    onStage(person, (stage) => {
      const script = `
import codex, sandboxed, subprocess, sys
assert codex is sandboxed
session = codex.connect()
session.ping()
session.summarize("done", {"rows": [1, 2]})
try: open(sandboxed.__file__, "a"); print("written")
except OSError as error: print(error.errno)  # read-only, or not even its owner
subprocess.run([sys.executable, "-m", "venv", "--without-pip", "venv"], check=True)
print(subprocess.run(["venv/bin/python", "-c", "import sandboxed; print(sandboxed.connect().info().session)"],
    capture_output=True, text=True, check=True).stdout.strip() == session.info().session)`;
      expect(python(stage, script, [...granting, "--report", "r.json"])).toMatch(/^(30|13)\nTrue$/);
      expect(JSON.parse(stage.read("r.json") ?? "")).toMatchObject({
        summaries: [{ title: "done", data: { rows: [1, 2] } }],
      });
      // Without grants there is nothing of it.
      const { stdout } = stage.python(
        "import os, importlib.util as u; print(u.find_spec('codex'), u.find_spec('sandboxed'), os.environ.get('PYTHONPATH'))",
      );
      expect(stdout).toBe("None None None\n");
    }));
});

describe("the Python client", () => {
  it("reads, finds, writes and patches files", () =>
    onStage("self", (stage) => {
      stage.write("src/a.txt", "one\ntwo\n");
      const script = `
import sandboxed
session = sandboxed.connect()
print(session.glob("src/**"), session.read("src/a.txt") == "one\\ntwo\\n", session.read_bytes("src/a.txt", offset=4, limit=3))
session.write("out/b.bin", bytes(range(256)))
print(session.read_bytes("out/b.bin") == bytes(range(256)), session.stat("out/b.bin").size)
session.apply_patch("--- src/a.txt\\n+++ src/a.txt\\n@@ -1,2 +1,2 @@\\n one\\n-two\\n+three\\n")
try: session.write("src/a.txt", "")
except sandboxed.errors.NotGranted as error: print(error.code)`;
      stage.write("out/.keep", "");
      const granted = ["fs.read=**", "fs.write=out/**", "patch=src/**"].flatMap((grant) => ["--grant", grant]);
      expect(python(stage, script, granted).split("\n")).toEqual([
        "['src/a.txt'] True b'two'",
        "True 256",
        "not_granted",
      ]);
      expect(stage.read("src/a.txt")).toBe("one\nthree\n");
    }));

  it("remembers, hands on less than it has, and says by code and capability what is refused", () =>
    onStage("self", (stage) => {
      const script = `
import sandboxed
session = sandboxed.connect()
session.memory.set("notes/x", {"n": 1})
print(session.memory.get("notes/x"), session.memory.list(), session.memory.get("notes/y", 7), session.memory.delete("notes/x"))
for act in (lambda: session.memory.get("other"), lambda: session.checkpoint("?"), lambda: session.memory.get("/"), lambda: session.tool("x")):
    try: act(); print("done")
    except sandboxed.SessionError as error: print(type(error).__name__, error.code, error.details.get("capability"))
narrow = sandboxed.connect(token=session.grant(["memory=notes"]).token)
print(narrow.memory.list())
try: narrow.summarize("x")
except sandboxed.errors.NotGranted: print("narrow")
try: sandboxed.connect(token="x" * 43)
except sandboxed.errors.Unauthenticated as error: print(error.code)`;
      expect(python(stage, script).split("\n")).toEqual([
        "{'n': 1} ['notes/x'] 7 True",
        "NotGranted not_granted memory=other",
        "NotGranted not_granted checkpoint",
        "InvalidParams invalid_params None",
        "NotGranted not_granted tools=x",
        "[]",
        "narrow",
        "unauthenticated",
      ]);
    }));

  it("has many calls open: sent ahead, from threads, from forked processes, with asyncio", () =>
    onStage("self", (stage) => {
      const script = `
import asyncio, multiprocessing, threading, sandboxed, sandboxed.aio
session = sandboxed.connect()
session.memory.set("notes", "x" * 200_000)
# Answers of forty megabytes while requests are still being sent: neither side may wait for the other.
waiting = [session.send("session.memory.get", key="notes") for _ in range(200)]
print(sum(len(each.result()["value"]) for each in waiting))
found = []
def read():
    for _ in range(50): found.append(session.memory.list())
threads = [threading.Thread(target=read) for _ in range(8)]
[each.start() for each in threads]; [each.join() for each in threads]
print(len(found), found[0])
def size(_): return len(session.memory.get("notes"))
with multiprocessing.get_context("fork").Pool(3) as pool: print(set(pool.map(size, range(12))))
async def main():
    async with await sandboxed.aio.connect() as many:
        print(len(await asyncio.gather(*(many.ping() for _ in range(2000)))), len(await many.memory.get("notes")))
        try: await many.tool("none")
        except sandboxed.SessionError as error: print(error.code)
asyncio.run(main())
session.close()
try: session.ping()
except sandboxed.errors.Disconnected: print("closed")`;
      expect(python(stage, script).split("\n")).toEqual([
        "40000000",
        "400 ['notes']",
        "{200000}",
        "2000 200000",
        "not_granted",
        "closed",
      ]);
    }));
});

it("the Node client reads, remembers and is refused with a code", () =>
  onStage("self", (stage) => {
    const place = join(stage.workspace, "node_modules/sandboxed-run");
    mkdirSync(place, { recursive: true });
    for (const name of ["package.json", "dist/client"])
      cpSync(join(tool(), name), join(place, name), { recursive: true });
    stage.write(
      "main.mjs",
      `import { connect } from "sandboxed-run/client";
const session = await connect();
await session.memory.set("notes", [1]);
const kept = await Promise.all(Array.from({ length: 300 }, () => session.memory.get("notes")));
const error = await session.tool("x").catch((each) => each);
console.log(JSON.stringify([kept.length, kept[7], await session.memory.list(), error.name, error.code, await session.memory.delete("notes/none")]));
await session.summarize("done");`,
    );
    const { stdout, stderr } = stage.run([...granting, "main.mjs"]);
    expect(stdout, stderr).toBe('[300,[1],["notes"],"SessionError","not_granted",false]\n');
  }));

it("a channel is refused where Landlock is the only wall, and there without it", () =>
  onStage("self", (stage) => {
    const words = ["-P", ":read-only", "--network", "off", "--", "sh", "-c", "echo ${SANDBOXED_CHANNEL:-none}"];
    const landlock = ["--enable", "use_legacy_landlock", "--backend", "landlock"];
    const refused = stage.run([...landlock, "--grant", "summarize", ...words]);
    expect([refused.status, refused.stdout]).toEqual([125, ""]);
    expect(refused.stderr).toContain("--backend landlock cannot let a program talk to its session");
    const alone = stage.run([...landlock, ...words]);
    expect([alone.status, alone.stdout], alone.stderr).toEqual([0, "none\n"]);
    expect(stage.run(["--grant", "summarize", ...words]).stdout).toMatch(/^tcp:/);
  }));

it("every recipe of docs/session.md for the shell works as it stands", () =>
  onStage("self", (stage) => {
    const page = readFileSync(new URL("../../docs/session.md", import.meta.url), "utf8");
    const [, recipe = ""] = /```sh\n(url=[^]*?)```/.exec(page) ?? [];
    const { stdout, stderr } = stage.sh(recipe, granting);
    expect(stdout.replace(/\s/g, ""), stderr).toBe('{}{}{"found":true,"value":{"seen":3}}{}');
  }));

/** What programs written against such a channel look like; the examples are these, and what they need before. */
const programs = {
  "investigate.py": `session = codex.connect(channel=os.environ["CODEX_CHANNEL"], token=os.environ["CODEX_TOKEN"])
for page in range(0, 3):
    rows = session.tool("mcp.Entity_List", {"from": page * 50, "pageSize": 50})
    if suspicious(rows):
        reply = session.checkpoint("Investigate these rows?", rows[:5])
        if reply.approve:
            session.tool("mcp.Entity_Get", {"id": reply.id})
`,
  "patch_all.py": `for path in session.glob("src/**/*.ts"):
    before = session.read(path)
    patch = make_patch(before)
    if patch:
        reply = session.checkpoint(f"Apply patch to {path}?", patch.summary)
        if reply.approve:
            session.tool("apply_patch", {"path": path, "patch": patch.text})
`,
  "orphans.py": `users = session.tool("mcp.Entity_List", {"entityType": "User"})
schedules = session.tool("mcp.Entity_List", {"entityType": "Schedule"})
session.summarize("Orphaned users", find_orphans(users, schedules)[:20])
`,
};

describe("the programs of examples/session", () => {
  it.each(Object.entries(programs))("%s is such a program, byte for byte", (name, text) => {
    const example = readFileSync(join(tool(), "examples/session", name), "utf8");
    const before = example.slice(0, -text.length);
    expect(example).toBe(before + text);
    // Imports, definitions and the connection: nothing of the program is done elsewhere.
    expect(before).not.toMatch(/session\.|^(?:for|if|while) /m);
  });

  const host = (stage: Stage, script: string, environment: Readonly<Record<string, string>> = {}) => {
    for (const name of [script]) stage.write(name, readFileSync(join(tool(), "examples/session", name), "utf8"));
    const { stdout, stderr, status } = stage.plain(
      process.execPath,
      [join(tool(), "examples/session/host.mjs"), script],
      { environment },
    );
    expect(status, stderr).toBe(0);
    const said: unknown = JSON.parse(stdout);
    return said;
  };

  it("looks through pages, and fetches what it was told to", () =>
    onStage("self", (stage) => {
      expect(host(stage, "investigate.py")).toMatchObject({ questions: ["Investigate these rows?"], fetched: [51] });
      expect(host(stage, "investigate.py", { APPROVE: "no" })).toMatchObject({
        questions: ["Investigate these rows?"],
        fetched: [],
      });
    }));

  it("patches what was approved, and nothing else", () =>
    onStage("self", (stage) => {
      stage.write("src/a.ts", "var a = 1;\n");
      stage.write("src/deep/b.ts", "const b = 2;\n");
      expect(host(stage, "patch_all.py", { APPROVE: "no" })).toMatchObject({ questions: ["Apply patch to src/a.ts?"] });
      expect(stage.read("src/a.ts")).toBe("var a = 1;\n");
      host(stage, "patch_all.py");
      expect([stage.read("src/a.ts"), stage.read("src/deep/b.ts")]).toEqual(["let a = 1;\n", "const b = 2;\n"]);
    }));

  it("summarises what it found", () =>
    onStage("self", (stage) => {
      const said = host(stage, "orphans.py");
      expect(said).toMatchObject({ questions: [], summaries: [{ title: "Orphaned users" }] });
      expect(JSON.stringify(said)).toContain('"name":"user-1"');
      expect(JSON.stringify(said)).not.toContain('"name":"user-2"');
    }));
});
