import { chmodSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  builtinProfile,
  journalPath,
  listSessions,
  openSession,
  prepare,
  readJournal,
  run,
  StaleLaunch,
  start,
  verifyJournal,
} from "../../src/index.ts";
import type { LaunchRequest, StartRequest } from "../../src/index.ts";
import { onStage, people } from "../stage/index.ts";
import type { Result, Stage } from "../stage/index.ts";

const environmentOf = (stage: Stage): ReadonlyMap<string, string> => new Map([["HOME", stage.home]]);
const openClaims = (stage: Stage): readonly string[] =>
  readdirSync(join(stage.home, ".local/state/sandboxed/active")).toSorted();

/** Kinds of the records of each session, oldest first; each has to be closed and sound. */
function journals(stage: Stage): readonly (readonly string[])[] {
  return listSessions(environmentOf(stage)).map(({ journal }) => {
    expect(verifyJournal(journal)).toMatchObject({ status: "ok", closed: true });
    return [...readJournal(journal)].map(({ kind }) => kind);
  });
}

const ran = ["session.opened", "run.launching", "run.ended", "session.closed"];
const failed = ["session.opened", "run.launching", "run.failed", "session.closed"];
const interrupted = ["session.opened", "run.launching", "run.interrupted", "session.closed"];

describe.each(people)("the journal, as %s", (person) => {
  it("of a program that the kernel would not execute is closed", () =>
    onStage(person, (stage) => {
      stage.write("program", "no format that is known\n");
      chmodSync(join(stage.workspace, "program"), 0o755);
      expect(stage.run(["--", "./program"]).status).toBe(126);
      stage.write("program", "#!/bin/sh\nexit 5\n");
      expect(stage.run(["--", "./program"]).status).toBe(5);
      // Those of one second stand in no order.
      expect(journals(stage).toSorted((one, other) => ((one[2] ?? "") < (other[2] ?? "") ? -1 : 1))).toEqual([
        ran,
        failed,
      ]);
      expect(openClaims(stage)).toEqual([]);
    }));

  it("of a run whose tool was killed is closed by the next run, that of one still going is not", () =>
    onStage(person, async (stage) => {
      const [killed, alive] = ["killed", "alive"].map((name) =>
        stage.start(["--", "sh", "-c", `touch ${name}; sleep 60`], { stdio: "ignore" }),
      );
      for (let i = 0; i < 1000 && readdirSync(stage.workspace).length < 3; i++) await sleep(10);
      killed?.kill("SIGKILL");
      await sleep(100);
      expect(stage.run(["--", "true"]).status).toBe(0);
      expect(openClaims(stage)).toHaveLength(1);
      alive?.kill("SIGTERM");
      for (let i = 0; i < 1000 && openClaims(stage).length > 0; i++) await sleep(10);
      expect(journals(stage).filter((kinds) => kinds[2] === "run.ended")).toEqual([ran, ran]);
      expect(journals(stage)).toContainEqual(interrupted);
    }));
});

describe("where a file of the tool's own cannot be written whole", () => {
  /** Blocks of 512 bytes that a file may have. */
  const within = (stage: Stage, blocks: number): Result => {
    const words = [process.execPath, stage.tool("sandboxed-run"), "--", "touch", "ran"];
    return stage.plain("sh", ["-c", `ulimit -f ${blocks}; exec "$@"`, "sh", ...words]);
  };

  it("nothing runs: what the sandbox is to be is no shorter than it was written", () =>
    onStage("self", (stage) => {
      const { status, stderr } = within(stage, 8);
      expect(stderr).toContain("cannot write to the tool's own folder: EFBIG");
      expect({ status, ran: stage.read("ran") }).toEqual({ status: 125, ran: null });
    }));

  it("it does where there is room", () =>
    onStage("self", (stage) => {
      const { status, stderr } = within(stage, 2048);
      expect({ status, ran: stage.read("ran") }, stderr).toEqual({ status: 0, ran: "" });
    }));

  // Names that are no text, which only the last look has to know.
  it.each([
    ["nothing runs either where that is what a killed tool leaves", 128, null],
    ["and it does where that has room too", 2048, ""],
  ])("%s", (_, blocks, mark) =>
    onStage("self", (stage) => {
      for (let i = 0; i < 500; i++) mkdirSync(Buffer.from(`${stage.workspace}/\xff${"x".repeat(200)}${i}`, "latin1"));
      const result = within(stage, blocks);
      const status = mark === null ? 125 : 0;
      expect({ ran: stage.read("ran"), status: result.status }, result.stderr).toEqual({ ran: mark, status });
    }),
  );
});

describe("a host that changes while the sandbox is built", () => {
  const requestOf = (stage: Stage, onOpen: () => void): LaunchRequest & StartRequest => {
    const profile = builtinProfile(":isolated");
    if (profile === null) throw new Error("no :isolated");
    const environment = environmentOf(stage);
    const session = openSession({
      ephemeral: false,
      argv: ["true"],
      cwd: stage.workspace,
      version: "0",
      environment,
    });
    const openJournal = (): typeof session.journal => {
      onOpen();
      return session.journal;
    };
    return {
      policy: { layers: [{ layer: "api", profile }] },
      program: "touch",
      arguments: ["made"],
      script: null,
      cwd: stage.workspace,
      environment: new Map([...environment, ["PATH", "/usr/bin:/bin"]]),
      workspace: "cwd",
      workspaceRoots: null,
      backend: null,
      terminal: "never",
      streams: ["ignore", "ignore", "ignore"],
      session: { id: session.id, openJournal },
      explain: false,
      attended: false,
    };
  };
  const kinds = (stage: Stage, id: string): readonly string[] =>
    [...readJournal(journalPath(join(stage.home, ".local/state/sandboxed/sessions", id)))].map(({ kind }) => kind);

  it("is told from a refusal, before anything of the program ran", () =>
    onStage("self", async (stage) => {
      mkdirSync(join(stage.workspace, ".vscode"));
      let opened = 0;
      const request = requestOf(stage, () => opened++);
      const prepared = await prepare(request);
      rmdirSync(join(stage.workspace, ".vscode"));
      const error = await start(request, prepared).outcome.catch((cause: unknown) => cause);
      expect(error).toBeInstanceOf(StaleLaunch);
      expect(readdirSync(stage.workspace)).toEqual(["README.md"]);
      expect(opened).toBe(1);
      if (error instanceof StaleLaunch) error.journal?.close();
      expect(kinds(stage, request.session.id)).toEqual(failed);
    }));

  it("is looked at again, with one journal for both launches", () =>
    onStage("self", async (stage) => {
      mkdirSync(join(stage.workspace, ".vscode"));
      let opened = 0;
      // The journal is opened while bubblewrap is being started.
      const request = requestOf(stage, () => opened++ === 0 && rmdirSync(join(stage.workspace, ".vscode")));
      const { exit } = await run(request);
      expect(exit).toBe(0);
      expect(stage.read("made")).toBe("");
      const [first, ...rest] = kinds(stage, request.session.id);
      expect(first).toBe("session.opened");
      expect([ran.slice(1), [...failed.slice(1, 3), ...ran.slice(1)]]).toContainEqual(rest);
    }));
});
