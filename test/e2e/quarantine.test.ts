import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { childrenOf, nameOf } from "../stage/processes.ts";

const strict = (stage: Stage): readonly string[] => {
  const file = join(stage.home, "strict.toml");
  stage.write(
    file,
    'default_permissions = "x"\n[permissions.x]\nextends = ":isolated"\n[permissions.x.protect]\nmissing = "strict"\n',
  );
  return ["--config", file];
};

const quarantine = (stage: Stage): string => join(stage.home, ".local/state/sandboxed/quarantine");
const names = (stage: Stage): readonly string[] => readdirSync(stage.workspace).toSorted();

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1000 && !isSo(); tries++) await sleep(10);
  expect(isSo()).toBe(true);
}

describe.each(people)("a protected name that does not exist, as %s", (person) => {
  describe('with missing = "strict"', () => {
    it("is held, and free again afterwards", () =>
      onStage(person, (stage) => {
        const { status, stdout } = stage.sh("test -d .vscode && ! touch .vscode/tasks.json 2>/dev/null && echo held", [
          ...strict(stage),
        ]);
        expect({ status, stdout, left: names(stage) }).toEqual({ status: 0, stdout: "held\n", left: ["README.md"] });
        expect(existsSync(quarantine(stage))).toBe(false);
      }));

    it("is given free by its own name", () =>
      onStage(person, (stage) => {
        const config = strict(stage);
        stage.write(
          join(stage.home, "strict.toml"),
          `${stage.read(join(stage.home, "strict.toml"))}off = [".vscode"]\n`,
        );
        expect(stage.sh("mkdir .vscode; touch .vscode/tasks.json", config).status).toBe(0);
        expect(names(stage)).toEqual([".vscode", "README.md"]);
      }));

    it("is free again after the tool was killed", () =>
      onStage(person, async (stage) => {
        const tool = stage.start([...strict(stage), "--", "sleep", "60"], { stdio: "ignore" });
        await until(() => existsSync(join(stage.workspace, ".vscode")));
        tool.kill("SIGKILL");
        await until(() => names(stage).length === 1);
      }));

    it("is free again after what guards the sandbox was killed", () =>
      onStage(person, async (stage) => {
        const tool = stage.start([...strict(stage), "--", "sh", "-c", "touch ready; sleep 60"], { stdio: "ignore" });
        await until(() => existsSync(join(stage.workspace, "ready")));
        const { stdout } = stage.plain("pgrep", ["-P", String(tool.pid), "-f", "sandbox-guard"]);
        process.kill(Number(stdout), "SIGKILL");
        await until(() => tool.exitCode !== null);
        expect(names(stage)).toEqual(["README.md", "ready"]);
      }));

    it.each([
      ["in the same way", true],
      ["or only watches", false],
    ])("is let go while another run goes on that holds it %s", (_, both) =>
      onStage(person, async (stage) => {
        const tool = stage.start([...strict(stage), "--", "sh", "-c", "touch ready; sleep 60"], { stdio: "ignore" });
        await until(() => existsSync(join(stage.workspace, "ready")));
        const beside = stage.start([...(both ? strict(stage) : []), "--", "sh", "-c", "touch begun; sleep 1.5"]);
        await until(() => existsSync(join(stage.workspace, "begun")));
        // Watched by now.
        await sleep(300);
        tool.kill("SIGTERM");
        await until(() => tool.exitCode !== null || tool.signalCode !== null);
        await until(() => beside.exitCode !== null);
        expect({ status: beside.exitCode, left: names(stage) }).toEqual({
          status: 0,
          left: ["README.md", "begun", "ready"],
        });
      }),
    );

    it("is not taken away by another run that ends first", () =>
      onStage(person, async (stage) => {
        const tool = stage.start([...strict(stage), "--", "sh", "-c", "touch ready; sleep 60"], { stdio: "ignore" });
        await until(() => existsSync(join(stage.workspace, "ready")));
        const { status } = stage.run(["--", "true"]);
        expect({ status, held: existsSync(join(stage.workspace, ".vscode")) }).toEqual({ status: 0, held: true });
        tool.kill("SIGTERM");
        await until(() => names(stage).length === 2);
      }));
  });

  describe("made by a program that ends at once", () => {
    it("lies in the tool's state, as told", () =>
      onStage(person, (stage) => {
        const { status, stderr } = stage.sh("mkdir x; echo evil >x/tasks.json; mv x .vscode");
        expect({ status, left: names(stage) }).toEqual({ status: 123, left: ["README.md"] });
        const kept = /kept in (\S+)/.exec(stderr)?.[1] ?? "";
        expect(dirname(dirname(kept))).toBe(quarantine(stage));
        expect(readFileSync(join(kept, "tasks.json"), "utf8")).toBe("evil\n");
      }));

    it("lies there too when it comes from another file system, and was closed", () =>
      onStage(person, (stage) => {
        const state = mkdtempSync("/dev/shm/sandboxed-state-");
        if (person === "ordinary") chownSync(state, 65534, 65534);
        try {
          const environment = { XDG_STATE_HOME: state };
          const script = "mkdir x; echo evil >x/tasks.json; mv x .vscode; chmod 0 .vscode";
          const { stderr } = stage.sh(script, [], { environment });
          const kept = /kept in (\S+)/.exec(stderr)?.[1] ?? "";
          expect(names(stage)).toEqual(["README.md"]);
          expect(dirname(dirname(kept))).toBe(join(state, "sandboxed/quarantine"));
          expect(readFileSync(join(kept, "tasks.json"), "utf8")).toBe("evil\n");
        } finally {
          rmSync(state, { recursive: true, force: true });
        }
      }));
  });

  it.each([
    ["whole, where there is no room elsewhere", 160, false],
    ["elsewhere, where there is", 2048, true],
  ])("is kept %s", (_, blocks, isMoved) =>
    onStage(person, (stage) => {
      const state = mkdtempSync("/dev/shm/sandboxed-state-");
      if (person === "ordinary") chownSync(state, 65534, 65534);
      try {
        stage.write("big", "x".repeat(96 * 1024));
        const words = [process.execPath, stage.tool("sandboxed-run"), "--", "mv", "big", ".envrc"];
        const limit = `ulimit -f ${blocks}; exec "$@"`;
        const { stderr } = stage.plain("sh", ["-c", limit, "sh", ...words], { environment: { XDG_STATE_HOME: state } });
        const kept = /kept in (\S+)/.exec(stderr)?.[1] ?? "";
        expect(kept.startsWith(state)).toBe(isMoved);
        expect(statSync(kept).size).toBe(96 * 1024);
        expect(names(stage).includes(".envrc")).toBe(false);
      } finally {
        rmSync(state, { recursive: true, force: true });
      }
    }),
  );

  it("is left alone where the program makes another name", () =>
    onStage(person, (stage) => {
      expect(stage.sh("mkdir vscode; echo fine >vscode/tasks.json").status).toBe(0);
      expect(stage.read("vscode/tasks.json")).toBe("fine\n");
      expect(existsSync(quarantine(stage))).toBe(false);
    }));
});

describe.each(people)("what a run leaves whose tool is killed, as %s", (person) => {
  /**
   * Up to the kill, from which on nobody but the aftermath can have put anything right: the tool stands still before.
   * Gives the kinds of the journal's records once somebody has closed it.
   */
  async function killed(stage: Stage, script: string): Promise<readonly string[]> {
    const words = ["--", "sh", "-c", `echo up; read go; ${script}; echo ready; sleep 60`];
    const tool = stage.start(words, { stdio: ["pipe", "pipe", "ignore"] });
    await once(tool.stdout ?? tool, "data");
    tool.kill("SIGSTOP");
    tool.stdin?.write("go\n");
    await once(tool.stdout ?? tool, "data");
    tool.kill("SIGKILL");
    const [session = ""] = readdirSync(join(stage.home, ".local/state/sandboxed/sessions"));
    const journal = join(stage.home, ".local/state/sandboxed/sessions", session, "journal.jsonl");
    await until(() => readFileSync(journal, "utf8").includes('"session.closed"'));
    const records = readFileSync(journal, "utf8").trimEnd().split("\n");
    return records.map((line): string => JSON.parse(line).kind);
  }

  it("is made harmless at once: hooks and settings of a new repository, names that match a pattern", () =>
    onStage(person, async (stage) => {
      stage.repository().write(".git/hooks/pre-commit", "our own\n");
      const kinds = await killed(
        stage,
        `git init -q born; echo evil >born/.git/hooks/post-checkout; git -C born config core.fsmonitor evil
         git -C born config user.name kept; touch evil.code-workspace`,
      );
      expect(kinds.filter((kind) => kind.startsWith("run."))).toEqual([
        "run.launching",
        "run.interrupted",
        ...Array.from({ length: 3 }, () => "run.repaired"),
      ]);
      expect(names(stage)).toEqual([".git", "README.md", "born"]);
      expect(existsSync(join(stage.workspace, "born/.git/hooks/post-checkout"))).toBe(false);
      expect(stage.read("born/.git/config")).toMatch(/name = kept/);
      expect(stage.read("born/.git/config")).not.toMatch(/fsmonitor/);
      expect(stage.read(".git/hooks/pre-commit")).toBe("our own\n");
    }));

  it("is made harmless where the run closed the workspace to its owner", () =>
    onStage(person, async (stage) => {
      await killed(stage, "echo evil >.envrc; touch fine; chmod 0 .");
      expect(names(stage)).toEqual(["README.md", "fine"]);
    }));

  it("is left alone where nothing is wrong with it", () =>
    onStage(person, async (stage) => {
      const kinds = await killed(stage, "git init -q born; git -C born config user.name kept; touch fine");
      expect(kinds.filter((kind) => kind.startsWith("run."))).toEqual(["run.launching", "run.interrupted"]);
      expect(stage.read("born/.git/config")).toMatch(/name = kept/);
      expect(names(stage)).toEqual(["README.md", "born", "fine"]);
      expect(existsSync(quarantine(stage))).toBe(false);
    }));
});

describe("what a run leaves whose first process does not answer when it is to end", () => {
  const firstProcess = (pid: number): number => {
    const [child = 0, ...others] = childrenOf(pid);
    expect(others).toEqual([]);
    return nameOf(child) === "sandbox-init" ? child : firstProcess(child);
  };

  it.each([
    ["as where it answers", false],
    ["though its guard has to end it", true],
  ])("is told, %s", (_, isStuck) =>
    onStage("self", async (stage) => {
      const script = "git init -q born; echo evil >born/.git/hooks/pre-commit; echo ready; sleep 60";
      const tool = stage.start(["--", "sh", "-c", script]);
      let told = "";
      tool.stderr?.on("data", (chunk: Buffer) => {
        told += chunk.toString();
      });
      const over = once(tool, "close");
      await once(tool.stdout ?? tool, "data");
      if (isStuck) process.kill(firstProcess(tool.pid ?? 0), "SIGSTOP");
      tool.kill("SIGTERM");
      if (isStuck) {
        await sleep(100);
        tool.kill("SIGTERM");
      }
      await over;
      expect(told).toContain(join(stage.workspace, "born/.git/hooks/pre-commit"));
      expect(stage.read("born/.git/hooks/pre-commit")).toBe(null);
    }),
  );
});
