import { once } from "node:events";
import { linkSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/** Calls of the channel over HTTP, as a program makes them that has nothing installed; each prints one line. */
const CALLS = `
import json, os, urllib.error, urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def call(method, **params):
    request = urllib.request.Request("http" + os.environ["SANDBOXED_CHANNEL"][3:] + "/v1/session." + method,
        json.dumps(params).encode(),
        {"Authorization": "Bearer " + os.environ["SANDBOXED_TOKEN"], "Content-Type": "application/json"})
    try:
        return json.load(opener.open(request))
    except urllib.error.HTTPError as error:
        return json.load(error)["error"]["data"]["code"]
def told(value): print(json.dumps(value))
`;

function answers(
  stage: Stage,
  grants: readonly string[],
  script: string,
  words: readonly string[] = [],
): readonly unknown[] {
  const granted = grants.flatMap((grant) => ["--grant", grant]);
  const { status, stdout, stderr } = stage.python(CALLS + script, [...granted, ...words]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

const patch = "*** Begin Patch\\n*** Update File: src/a\\n-one\\n+two\\n*** Add File: src/new/b\\n+b\\n*** End Patch";

describe.each(people)("files through the session, as %s", (person) => {
  it("are found, read, written and patched within the grants", () =>
    onStage(person, (stage) => {
      stage.write("src/a", "one\n");
      const script = `
told(call("glob", pattern="src/**"))
told(call("read", path="src/a")["content"])
told(call("read", path="README.md"))
told(call("write", path="src/w", content="written"))
told(call("apply_patch", patch="${patch}")["summary"])
told(call("tool", name="apply_patch", arguments={"path": "src/a", "patch": "--- x\\n+++ y\\n@@ -1 +1 @@\\n-two\\n+three\\n"})["files"][0]["change"])
told(call("apply_patch", patch="*** Begin Patch\\n*** Delete File: README.md\\n*** End Patch"))
`;
      expect(answers(stage, ["fs.read=src/**", "patch=src/**"], script)).toEqual([
        { paths: ["src/a"] },
        "one\n",
        "not_granted",
        "not_granted",
        "Change src/a (+1 -1)\nAdd src/new/b (+1 -0)",
        "update",
        "not_granted",
      ]);
      expect([stage.read("src/a"), stage.read("src/new/b"), stage.read("src/w")]).toEqual(["three\n", "b\n", null]);
      const owner = statSync(stage.workspace).uid;
      for (const made of ["src/a", "src/new", "src/new/b"])
        expect(statSync(join(stage.workspace, made)).uid).toBe(owner);
    }));

  it("are opened by a grant where nobody denied them, and nowhere else", () =>
    onStage(person, (stage) => {
      const { outside, home } = stage;
      stage.write(join(outside, "table.csv"), "1,2\n");
      stage.write("closed", "secret\n");
      linkSync(join(stage.workspace, "closed"), join(stage.workspace, "alias"));
      symlinkSync(join(home, ".ssh/id_ed25519"), join(stage.workspace, "key"));
      const read = (path: string): string => `told(call("read", path="${path}"))\n`;
      const tried = [
        join(outside, "table.csv"),
        join(home, ".ssh/id_ed25519"),
        "key",
        "closed",
        "alias",
        "/proc/self/environ",
      ];
      const script = `told(open("README.md").read())\n${tried.map(read).join("")}told(call("write", path=".vscode/tasks.json", content="x"))`;
      const said = answers(stage, ["fs.read=/**,**", "fs.write=**"], script, ["-q", "--deny", "closed"]);
      expect(said).toMatchObject([
        "# project\n",
        { content: "1,2\n" },
        "policy_denied",
        "policy_denied",
        "policy_denied",
        "policy_denied",
        expect.stringMatching(/^(?:unsupported|policy_denied)$/),
        "policy_denied",
      ]);
      expect(stage.read(".vscode/tasks.json")).toBe(null);
    }));
});

it("what nobody can be asked about is not done", () =>
  onStage("self", (stage) => {
    const script = `told(call("write", path="n", content="x"))`;
    expect(answers(stage, ["fs.write=**:approval=always"], script, ["--ephemeral"])).toEqual(["nobody_to_ask"]);
    expect(stage.read("n")).toBe(null);
    expect(answers(stage, ["fs.write=**"], script)).toMatchObject([{ created: true }]);
    expect(stage.read("n")).toBe("x");
  }));

it("a change is refused where the program changed the file since it was read, and leaves nothing behind", () =>
  onStage("self", (stage) => {
    stage.write("f", "one\n");
    const script = `
call("read", path="f")
open("f", "w").write("other\\n")
told(call("write", path="f", content="x"))
call("read", path="f")
told(call("write", path="f", content="x")["created"])
`;
    expect(answers(stage, ["fs.read=**", "fs.write=**"], script)).toEqual(["conflict", false]);
    expect([stage.read("f"), readdirSync(stage.workspace).toSorted()]).toEqual(["x", ["README.md", "f"]]);
  }));

it("the journal has every change before it is made", () =>
  onStage("self", (stage) => {
    answers(stage, ["fs.write=**"], `told(call("write", path="n", content="x")["created"])`);
    const { stdout } = stage.sandboxed(["audit", "show", "last", "--json"]);
    const kinds = [...stdout.matchAll(/"kind":\s*"(session\.call\w+)"/g)].map(([, kind]) => kind);
    expect(kinds).toEqual(["session.calling", "session.called"]);
  }));

it("what a killed session left beside a file is gone after the next run, and the file is whole", () =>
  onStage("self", async (stage) => {
    const texts = ["a", "b"].map((letter) => letter.repeat(3_000_000));
    stage.write("f", texts[0] ?? "");
    const script = `
open("ready", "w").close()
for turn in range(10 ** 6): call("write", path="f", content="ab"[turn % 2] * 3000000)
`;
    const words = ["--grant", "fs.write=**", "--", "python3", "-c", CALLS + script];
    const beside = (): readonly string[] =>
      readdirSync(stage.workspace).filter((name) => name.startsWith(".sandboxed-"));
    for (let round = 0; round < 20 && beside().length === 0; round++) {
      const tool = stage.start(words, { stdio: "ignore" });
      for (let tries = 0; tries < 500 && stage.read("ready") === null; tries++) await sleep(10);
      for (let tries = 0; tries < 500 && beside().length === 0; tries++) await sleep(1);
      const ended = once(tool, "exit");
      tool.kill("SIGKILL");
      await ended;
    }
    expect(beside().length).toBeGreaterThan(0);
    expect(texts).toContain(stage.read("f"));
    for (let tries = 0; tries < 20 && beside().length > 0; tries++) expect(stage.run(["sleep", "0.3"]).status).toBe(0);
    expect(beside()).toEqual([]);
  }));
