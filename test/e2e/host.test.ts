import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

/** Processes whose arguments name this stage: helpers and programs of its runs, nobody else's. */
function processesOf(stage: Stage): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(stage.folder);
    } catch {
      return false;
    }
  });
}

/** `git status` refreshes it, as it may. */
function isIndex(path: string): boolean {
  return path.endsWith("/.git/index");
}

async function until(what: () => boolean, patience = 5_000): Promise<boolean> {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(20)) if (what()) return true;
  return what();
}

describe.each(people)("as %s", (person) => {
  it("the host is byte for byte as before, but for what was granted", () =>
    onStage(person, (stage) => {
      stage.repository();
      const before = stage.snapshot();
      const { status, stderr } = stage.sh(`ls -R / >/dev/null 2>&1; git status; echo x > /tmp/x; echo y > ~/y; true`);
      expect(status, stderr).toBe(0);
      const after = stage.snapshot();
      expect([...after].filter(([path]) => !isIndex(path))).toEqual([...before].filter(([path]) => !isIndex(path)));
    }));

  it("a background child dies with the run, and one that holds stdout does not hang it", () =>
    onStage(person, (stage) => {
      const began = Date.now();
      const { status } = stage.sh(`sleep 300 & setsid sleep 301 & echo started`);
      expect(status).toBe(0);
      expect(Date.now() - began).toBeLessThan(10_000);
      expect(spawnSync("pgrep", ["-f", "sleep 30[01]"]).stdout.toString()).toBe("");
    }));

  it.each(["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"] as const)("%s of the tool ends the whole tree", (signal) =>
    onStage(person, async (stage) => {
      const sleeper = `sleep ${500 + Math.floor(Math.random() * 1e6)}`;
      const child = stage.start(["--", "sh", "-c", `setsid ${sleeper} & ${sleeper}`]);
      // Both: a shell that is about to start one hears no interrupt, and neither does what it starts.
      const sleepers = (): number => Number(spawnSync("pgrep", ["-fxc", sleeper]).stdout);
      expect(await until(() => sleepers() === 2)).toBe(true);
      const exited = once(child, "exit");
      child.kill(signal);
      const [code, ended] = await exited;
      if (signal !== "SIGKILL") expect(code).toBe({ SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }[signal]);
      else expect(ended ?? code).not.toBe(0);
      expect(
        await until(() => processesOf(stage).length === 0 && spawnSync("pgrep", ["-f", sleeper]).status !== 0),
      ).toBe(true);
    }),
  );

  it("a protected name that appears is moved aside, kept and reported", () =>
    onStage(person, (stage) => {
      const report = `${stage.outside}/report.json`;
      const script = `mkdir made && echo '{}' > made/tasks.json && mv made .vscode; sleep 0.2`;
      const { status, stderr } = stage.sh(script, ["--report", report]);
      expect(status).toBe(123);
      expect(stderr).toMatch(/\.vscode/);
      expect(stage.read(".vscode/tasks.json")).toBeNull();
      const { repairs } = JSON.parse(stage.read(report) ?? "{}");
      expect(repairs).toHaveLength(1);
      expect(readFileSync(`${repairs[0].kept}/tasks.json`, "utf8")).toBe("{}\n");
    }));

  it("a name that stood there before is left alone", () =>
    onStage(person, (stage) => {
      stage.write(".vscode/tasks.json", "mine\n");
      const { status } = stage.sh(`echo evil > .vscode/tasks.json || echo refused`);
      expect(status).toBe(0);
      expect(stage.read(".vscode/tasks.json")).toBe("mine\n");
    }));

  it("a repository born in the run keeps its files and loses its hooks", () =>
    onStage(person, (stage) => {
      stage.sh(
        `git init -q born && cd born && echo x > f && git add f && git commit -qm one && printf '#!/bin/sh\\n' > .git/hooks/post-commit && git config core.fsmonitor ./evil`,
      );
      expect(stage.read("born/f")).toBe("x\n");
      expect(stage.read("born/.git/hooks/post-commit")).toBeNull();
      expect(stage.read("born/.git/config")).not.toContain("fsmonitor");
    }));

  it("a host that replaces a protected file leaves it protected", () =>
    onStage(person, async (stage) => {
      stage.repository();
      const go = `${stage.workspace}/go`;
      const child = stage.start([
        "--",
        "sh",
        "-c",
        `echo x > ready; while [ ! -e go ]; do sleep 0.05; done; sleep 0.3; echo '[core]fsmonitor=./evil' >> .git/config; exit 0`,
      ]);
      expect(await until(() => existsSync(`${stage.workspace}/ready`))).toBe(true);
      stage.git("config", "user.nickname", "changed-by-host");
      const exited = once(child, "exit");
      stage.write(go, "");
      await exited;
      const config = stage.read(".git/config");
      expect(config).toContain("changed-by-host");
      expect(config).not.toContain("fsmonitor");
    }));

  it("two runs in one directory both keep it clean", () =>
    onStage(person, async (stage) => {
      const runs = [1, 2].map((number) =>
        stage.start(["--", "sh", "-c", `sleep 0.3; mkdir -p .idea; echo ${number} > .idea/x; sleep 0.5`]),
      );
      const codes = await Promise.all(runs.map(async (run) => (await once(run, "exit"))[0]));
      expect(existsSync(`${stage.workspace}/.idea`)).toBe(false);
      expect(codes).toContain(123);
    }));

  it("placeholders of strict protection go away, also after kill -9", () =>
    onStage(person, async (stage) => {
      const words = [
        "-c",
        'permissions.s.extends=":isolated"',
        "-c",
        'permissions.s.protect.missing="strict"',
        "-P",
        "s",
      ];
      const { stderr } = stage.sh(`mkdir .vscode/x; echo y > .vscode/tasks.json; ls -d .vscode`, words);
      expect(existsSync(`${stage.workspace}/.vscode`), stderr).toBe(false);
      const child = stage.start([...words, "--", "sh", "-c", `echo x > ready; sleep 400`]);
      expect(await until(() => existsSync(`${stage.workspace}/ready`))).toBe(true);
      expect(existsSync(`${stage.workspace}/.vscode`)).toBe(true);
      child.kill("SIGKILL");
      expect(await until(() => !existsSync(`${stage.workspace}/.vscode`))).toBe(true);
    }));

  it("network: nothing is reached by default, all with full, and the door of the host's loopback stays shut", () =>
    onStage(person, async (stage) => {
      let heard = 0;
      const server = createServer((socket) => {
        heard += 1;
        socket.end();
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      const address = server.address();
      const port = address !== null && typeof address === "object" ? address.port : 0;
      const script = `import socket; socket.create_connection(("127.0.0.1", ${port}), 2).close(); print("reached")`;
      const connect = async (words: readonly string[]): Promise<string> => {
        const child = stage.start([...words, "--", "python3", "-c", script]);
        let out = "";
        child.stdout?.on("data", (chunk: Buffer) => (out += chunk.toString()));
        await once(child, "exit");
        return out;
      };
      expect(await connect([])).toBe("");
      expect(await connect(["--network", "off"])).toBe("");
      expect(heard).toBe(0);
      expect(await connect(["--network", "full"])).toBe("reached\n");
      expect(heard).toBe(1);
      server.close();
    }));

  it("a socket in the workspace that the host listens on is masked", () =>
    onStage(person, async (stage) => {
      let heard = 0;
      const path = `${stage.workspace}/host.sock`;
      const server = createServer((socket) => {
        heard += 1;
        socket.end();
      }).listen(path);
      await once(server, "listening");
      const script = `import socket; s = socket.socket(socket.AF_UNIX); s.connect("host.sock"); print("reached")`;
      const child = stage.start(["--", "python3", "-c", script]);
      await once(child, "exit");
      expect(heard).toBe(0);
      server.close();
    }));
});
