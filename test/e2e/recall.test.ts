import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const folderOf = (stage: Stage): string => join(stage.home, ".cache/sandboxed");

function records(stage: Stage): readonly string[] {
  if (!existsSync(folderOf(stage))) return [];
  return readdirSync(folderOf(stage))
    .filter((name) => name.startsWith("recall-"))
    .map((name) => join(folderOf(stage), name));
}

/** Runs once and marks what was kept of it: a run that is recalled says so in its report from then on. */
function rememberMarked(stage: Stage, words: readonly string[] = []): void {
  // The first run makes the tool's own folders, which is a change.
  for (let time = 0; time < 2; time++) expect(run(stage, words).profile).toBe(":isolated");
  const [record, ...more] = records(stage);
  if (record === undefined) throw new Error("nothing was kept");
  expect(more).toEqual([]);
  const text = readFileSync(record, "utf8");
  writeFileSync(record, text.replace('"profile":":isolated"', '"profile":"marked"'));
}

interface Ran {
  readonly profile: unknown;
  readonly status: number | null;
  readonly stdout: string;
}

function run(stage: Stage, words: readonly string[] = [], script = "true", environment = {}): Ran {
  const { status, stdout, stderr } = stage.sh(script, [...words, "--json"], { environment });
  const report: unknown = JSON.parse(stderr.trim().split("\n").at(-1) ?? "");
  const profile = typeof report === "object" && report !== null && "profile" in report ? report.profile : report;
  return { profile, status, stdout };
}

describe.each(people)("a run like one before, as %s", (person) => {
  it("is recalled, with its own arguments, session and variables", () =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      const once = run(stage, [], "echo one $SANDBOXED_SESSION_ID $LANG");
      const twice = run(stage, [], "echo two $SANDBOXED_SESSION_ID $LANG; exit 3");
      expect([once.profile, twice.profile, twice.status]).toEqual(["marked", "marked", 3]);
      const [, session, language] = once.stdout.trim().split(" ");
      expect(twice.stdout).toMatch(/^two \S+ C\.UTF-8\n$/);
      expect(language).toBe("C.UTF-8");
      expect(twice.stdout).not.toContain(session ?? "none");
    }));

  it("is recalled though files come and go where the program works", () =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      writeFileSync(join(stage.workspace, "new.ts"), "made since");
      rmSync(join(stage.workspace, "README.md"));
      expect(run(stage, [], "cat new.ts")).toMatchObject({ profile: "marked", stdout: "made since" });
    }));

  it("still tells what was refused", () =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      const { stderr } = stage.sh("touch /usr/planted");
      expect(stderr).toContain("refused: create /usr/planted");
    }));

  const changes: readonly (readonly [what: string, change: (stage: Stage) => void, words?: readonly string[]])[] = [
    ["a configuration file came", (stage) => stage.write(join(stage.home, ".config/sandboxed/config.toml"), "")],
    ["the project's configuration came", (stage) => stage.write(".sandboxed/config.toml", "")],
    ["a protected folder came", (stage) => stage.write(".vscode/settings.json", "{}")],
    ["a protected folder went", (stage) => rmSync(join(stage.workspace, ".git/hooks"), { recursive: true })],
    ["hooks moved", (stage) => void stage.git("config", "core.hooksPath", "scripts/hooks")],
    ["a repository came inside", (stage) => void stage.git("init", "-q", "vendor/thing")],
    ["a credential came", (stage) => stage.write(join(stage.home, ".aws/credentials"), "secret")],
    ["a folder of the home became a symlink", (stage) => symlinkSync(stage.outside, join(stage.home, ".aws"))],
    ["what is granted became a symlink", swapGranted, ["--read", "../../granted"]],
    ["what is granted is another folder", renewGranted, ["--read", "../../granted"]],
  ];
  it.each(changes.map(([what, change, words]) => ({ what, change, words: words ?? [] })))(
    "is decided afresh when $what",
    ({ change, words }) =>
      onStage(person, (stage) => {
        stage.repository();
        stage.write(join(stage.home, "granted/file"), "granted");
        rememberMarked(stage, words);
        expect(run(stage, words).profile).toBe("marked");
        change(stage);
        expect(run(stage, words)).toMatchObject({ profile: ":isolated", status: 0 });
      }),
  );

  it.each([
    ["other options", ["--network", "off"], {}],
    ["another variable", [], { EXTRA: "1" }],
    ["another value", [], { LANG: "C" }],
    ["another shell", [], { SHELL: "/bin/false" }],
  ])("is decided afresh with %s", (_, words, environment) =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      expect(run(stage, words, "true", environment).profile).toBe(":isolated");
    }),
  );

  it("leaves alone what the person made between two runs", () =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      const names = [".envrc", ".git/hooks/post-commit", ".mcp.json"];
      for (const name of names) stage.write(name, "mine");
      expect(run(stage)).toMatchObject({ profile: ":isolated", status: 0 });
      expect(names.map((name) => stage.read(name))).toEqual(names.map(() => "mine"));
      expect(run(stage, [], "echo theirs > .envrc").status).not.toBe(0);
      expect(stage.read(".envrc")).toBe("mine");
    }));

  it("holds what came since, not what was there before", () =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      stage.git("init", "-q", "inner");
      const attack = "echo '#!/bin/sh' > inner/.git/hooks/post-checkout";
      expect(run(stage, [], attack).status).not.toBe(0);
      expect(stage.read("inner/.git/hooks/post-checkout")).toBeNull();
      expect(run(stage, ["--write", "inner/.git/hooks"], attack).status).toBe(0);
      expect(stage.read("inner/.git/hooks/post-checkout")).toContain("#!/bin/sh");
    }));

  it("masks a socket that was bound since", async () => {
    await onStage(person, async (stage) => {
      stage.repository();
      rememberMarked(stage);
      const path = join(stage.workspace, "s");
      const script = `require("net").createServer((c) => c.end("reached")).listen(${JSON.stringify(path)}, () => { require("fs").chmodSync(${JSON.stringify(path)}, 0o777); console.log("up"); })`;
      const server = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
      try {
        await new Promise((resolve) => server.stdout.once("data", resolve));
        const talk = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('s'); print(s.recv(9).decode())";
        expect(stage.python(talk).stdout).toBe("");
        expect(stage.plain("python3", ["-c", talk]).stdout).toBe("reached\n");
      } finally {
        server.kill("SIGKILL");
      }
    });
  });

  it.each([
    ["is no JSON", (record: string) => writeFileSync(record, readFileSync(record, "utf8").slice(0, 3000))],
    ["others may read", (record: string) => chmodSync(record, 0o644)],
    ["has a second name", (record: string) => linkSync(record, `${record}.other`)],
    [
      "is of another build",
      (record: string) => writeFileSync(record, readFileSync(record, "utf8").replace("[[", "[[0,")),
    ],
  ])("does not trust a record that %s", (_, spoil) =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      for (const record of records(stage)) spoil(record);
      expect(run(stage)).toMatchObject({ profile: ":isolated", status: 0 });
    }),
  );

  it("keeps no value of a variable, and nothing where one is typed", () =>
    onStage(person, (stage) => {
      const environment = { API_TOKEN: "hunter2-token", LANG: "hunter2-lang" };
      run(stage, [], "true", environment);
      expect(records(stage)).toHaveLength(1);
      for (const record of records(stage)) {
        expect(readFileSync(record, "utf8")).toContain("API_TOKEN");
        expect(readFileSync(record, "utf8")).not.toContain("hunter2");
      }
      rmSync(folderOf(stage), { recursive: true });
      run(stage, ["--env", "API_TOKEN=typed"], "true", environment);
      expect(records(stage)).toEqual([]);
    }));

  it("cannot be foretold from inside", () =>
    onStage(person, (stage) => {
      stage.repository();
      rememberMarked(stage);
      const [record = ""] = records(stage);
      const attack = `cat ${record}; echo x > ${record}; rm -f ${record}`;
      expect(run(stage, [], attack).stdout).toBe("");
      expect(run(stage, ["-P", ":workspace"], attack).stdout).toBe("");
      expect(run(stage).profile).toBe("marked");
    }));
});

function swapGranted(stage: Stage): void {
  rmSync(join(stage.home, "granted"), { recursive: true });
  symlinkSync(stage.outside, join(stage.home, "granted"));
}

function renewGranted(stage: Stage): void {
  // Kept aside: a file system may give its number to the next.
  renameSync(join(stage.home, "granted"), join(stage.home, "granted-before"));
  stage.write(join(stage.home, "granted/file"), "another");
}
