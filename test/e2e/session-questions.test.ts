import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { RequiringMachine } from "../stage/required.ts";

/** What a terminal shows when the tool is used in it and these keys are typed, each when its text has been shown. */
async function inTerminal(
  stage: Stage,
  words: string,
  keys: readonly (readonly [after: string | RegExp, typed: string])[],
): Promise<string> {
  const command = `${process.execPath} ${stage.tool("sandboxed-run")} ${words}`;
  const child = stage.startPlain("script", ["--quiet", "--return", "--flush", "--command", command, "/dev/null"]);
  let shown = "";
  let from = 0;
  const left = [...keys];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    shown += text;
    const [next] = left;
    if (next === undefined) return;
    const at = shown.slice(from).search(next[0]);
    if (at < 0) return;
    left.shift();
    from = shown.length;
    setTimeout(() => child.stdin?.write(next[1]), 150);
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await new Promise((resolve) => child.once("close", resolve));
  clearTimeout(timer);
  expect(left, shown).toEqual([]);
  return shown.replaceAll("\r", "");
}

const asking = (more = ""): string => `
import os, sandboxed, threading, time, sys
def dots():
    while True:
        print(".", end="", flush=True)
        time.sleep(0.01)
threading.Thread(target=dots, daemon=True).start()
session = sandboxed.connect()
time.sleep(0.1)
reply = session.checkpoint("Investigate \\x1b[2J these?", [{"id": 7, "name": "Ann"}, {"id": 8, "name": "Bo"}]${more})
os.write(1, ("\\nreply " + str(dict(reply)) + "\\n").encode())
`;

const answers = [
  ["yes", "yes\n", "{'approve': True}"],
  ["no", "n\n", "{'approve': False}"],
  ["nothing that means yes", "\nsure\nno\n", "{'approve': False}"],
  ["what the program looks for", '{"approve": true, "id": 7}\n', "{'id': 7, 'approve': True}"],
] as const;

describe.each(people)("at the terminal, as %s", (person) => {
  it.each(person === "self" ? answers : answers.slice(0, 1))(
    "a question is answered with %s, while the program stands still",
    (_, typed, reply) =>
      onStage(person, async (stage) => {
        stage.write("main.py", asking());
        const shown = await inTerminal(stage, "--grant checkpoint main.py", [["Allow\\?", typed]]);
        expect(shown).toContain(`reply ${reply}`);
        expect(shown).toContain("Investigate \\x1b[2J these?");
        expect(shown).toMatch(/ {2}id {2}name\n {2}── {2}────\n {3}7 {2}Ann\n {3}8 {2}Bo/);
        // From the question to its answer there are no dots; before there are, and they go on afterwards.
        const [before = "", rest = ""] = shown.split("── the program asks");
        expect(before).toContain("..");
        expect(rest.slice(0, rest.lastIndexOf("[y]es or [n]o:"))).not.toContain("..");
      }),
  );
});

describe("at the terminal", () => {
  it("asks for fields; what was typed before the question is no answer", () =>
    onStage("self", async (stage) => {
      const schema = `{"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}`;
      stage.write(
        "main.py",
        `print("early", flush=True)\nimport time; time.sleep(0.6)\n${asking(`, schema=${schema}`)}`,
      );
      const shown = await inTerminal(stage, "--grant checkpoint main.py", [
        ["early", "yes\n1\n"],
        [/Allow\?/, "y\n"],
        [/id.*integer/, "seven\n"],
        [/not JSON/, "7\n"],
      ]);
      expect(shown).toContain("reply {'id': 7, 'approve': True}");
    }));

  it("a capability with approval shows the patch, in colour, and does what was shown", () =>
    onStage("self", async (stage) => {
      stage.write("src/a.txt", "one\ntwo\n");
      stage.write(
        "main.py",
        `import sandboxed
patch = "--- src/a.txt\\n+++ src/a.txt\\n@@ -1,2 +1,2 @@\\n one\\n-two\\n+three\\n"
try: sandboxed.connect().apply_patch(patch)
except sandboxed.SessionError as error: print(error.code)`,
      );
      const words = "--grant 'patch=src/**:approval=always' main.py";
      const refused = await inTerminal(stage, words, [["Allow\\?", "n\n"]]);
      expect(refused).toContain("approval_denied");
      expect(stage.read("src/a.txt")).toBe("one\ntwo\n");
      const shown = await inTerminal(stage, words, [["Allow\\?", "y\n"]]);
      expect(shown).toContain("\u001b[31m  -two\u001b[39m\n\u001b[32m  +three");
      expect(stage.read("src/a.txt")).toBe("one\nthree\n");
    }));

  it("a capability with approval shows what would be done, and does that alone", () =>
    onStage("self", async (stage) => {
      stage.write(
        "main.py",
        `import sandboxed
memory = sandboxed.connect().memory
try: memory.set("notes", ["a", "\\x1b[31mb"])
except sandboxed.SessionError as error: print(error.code)
print("kept", memory.get("notes"))`,
      );
      const words = "--grant 'memory=notes:approval=always' main.py";
      const twice = (first: string): readonly (readonly [string, string])[] => [
        ["Allow\\?", first],
        ["Allow\\?", "y\n"],
      ];
      expect(await inTerminal(stage, words, twice("n\n"))).toMatch(
        /approval_denied\nkept None|approval_denied[^]*kept None/,
      );
      const shown = await inTerminal(stage, words, twice("y\n"));
      expect(shown).toContain("\\x1b[31mb");
      expect(shown).toContain("kept ['a'");
    }));
});

/** Waits for a question of the latest session. */
async function question(stage: Stage): Promise<{ readonly id: string; readonly text: string }> {
  for (let tries = 0; tries < 50; tries++) {
    const { stdout } = stage.sandboxed(["session", "show", "last", "--json"]);
    const [found] = stdout === "" ? [] : (JSON.parse(stdout).live?.questions ?? []);
    if (found !== undefined) return found;
    // oxlint-disable-next-line no-await-in-loop -- until it is there
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("no question came");
}

function ended(
  child: ReturnType<Stage["start"]>,
): Promise<{ readonly stdout: string; readonly status: number | null }> {
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  return new Promise((resolve) => child.once("close", (status) => resolve({ stdout, status })));
}

describe.each(people)("from elsewhere, as %s", (person) => {
  it("a question is listed, and answered by the same user", () =>
    onStage(person, async (stage) => {
      const schema = `{"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}`;
      stage.write(
        "main.py",
        `import sandboxed\nprint(dict(sandboxed.connect().checkpoint("Which?", schema=${schema})))`,
      );
      const run = ended(stage.start(["--grant", "checkpoint", "main.py"]));
      const { id, text } = await question(stage);
      expect(text).toBe("Which?");
      const refused = stage.sandboxed(["session", "reply", "last", "yes"]);
      expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/id/)]);
      const shown = stage.sandboxed(["session", "show", "last"]).stdout;
      expect(shown).toContain("Which?");
      expect(stage.sandboxed(["session", "reply", "last", id.slice(0, 4), '{"approve": true, "id": 7}']).stdout).toBe(
        `yes to ${id}\n`,
      );
      expect(await run).toEqual({ status: 0, stdout: "{'id': 7, 'approve': True}\n" });
      expect(stage.sandboxed(["session", "reply", "last", "yes"]).stderr).toContain("is not open");
    }));
});

describe("a question that nobody has answered", () => {
  const script = `import sandboxed
try: print(sandboxed.connect().checkpoint("Well?").approve)
except sandboxed.SessionError as error: print(error.code)`;
  const limited = (limits: string): readonly string[] => [
    "--grant",
    "checkpoint",
    "-c",
    `permissions.q={extends=':isolated',limits={${limits}}}`,
    "-P",
    "q",
    "main.py",
  ];

  it.each([
    ["waits as long as the profile lets it", null, "max_pause=0.4", "timed_out"],
    ["no longer than the requirements let it", "[limits]\nmax_pause = 0.4\n", "max_pause='5m'", "timed_out"],
    ["while the clock of the run stands still", null, "max_pause='1m', wall_time=3", "True"],
  ])("%s", async (_, requirements, limits, came) => {
    const machine = new RequiringMachine();
    try {
      const { stage } = machine;
      machine.require(requirements);
      stage.write("main.py", script);
      const run = ended(stage.start(limited(limits)));
      if (came === "True") {
        await question(stage);
        // All that the clock has, which the program needs for itself before and after.
        await new Promise((resolve) => setTimeout(resolve, 3000));
        expect(stage.sandboxed(["session", "reply", "last", "yes"]).status).toBe(0);
      }
      expect(await run).toEqual({ status: 0, stdout: `${came}\n` });
    } finally {
      machine.remove();
    }
  });
});

describe("from elsewhere", () => {
  it("a session is listed, granted more, revoked, cancelled and archived", () =>
    onStage("self", async (stage) => {
      stage.write(
        "main.py",
        `import sandboxed, sys
session = sandboxed.connect()
token = session.checkpoint("token", schema={"type": "object", "properties": {"token": {"type": "string"}}}).token
more = sandboxed.connect(token=token)
print(more.memory.list(), flush=True)
session.checkpoint("revoked?")
try: more.memory.list()
except sandboxed.SessionError as error: print(error.code, flush=True)
session.checkpoint("cancel me")`,
      );
      const run = ended(stage.start(["--grant", "checkpoint", "main.py"]));
      await question(stage);
      expect(stage.sandboxed(["session", "list"]).stdout).toMatch(/^\S+ {2}\S+ {2}running \*\n$/);
      const granted = JSON.parse(stage.sandboxed(["session", "grant", "last", "memory=notes", "--json"]).stdout);
      expect(stage.sandboxed(["session", "archive", "last"]).stderr).toContain("is running");
      stage.sandboxed(["session", "reply", "last", JSON.stringify({ approve: true, token: granted.token })]);
      expect((await question(stage)).text).toBe("revoked?");
      expect(stage.sandboxed(["session", "revoke", "last", granted.grant]).status).toBe(0);
      expect(stage.sandboxed(["session", "revoke", "last", "g99"]).stderr).toContain("no grant g99");
      stage.sandboxed(["session", "reply", "last", "yes"]);
      expect((await question(stage)).text).toBe("cancel me");
      expect(stage.sandboxed(["session", "cancel", "last"]).status).toBe(0);
      const { stdout, status } = await run;
      expect(stdout).toBe("[]\nrevoked\n");
      expect(status).not.toBe(0);
      expect(stage.sandboxed(["session", "list"]).stdout).toMatch(/ended\n$/);
      expect(stage.sandboxed(["session", "resume", "last"]).stderr).toContain("nothing to resume");
      expect(stage.sandboxed(["session", "archive", "last"]).stdout).toContain("archived in");
      expect(stage.sandboxed(["session", "list"]).stdout).toBe("no sessions\n");
      expect(stage.sandboxed(["session", "list", "--archived"]).stdout).toMatch(/archived\n$/);
    }));
});
