import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { askingRun, configure, fixture } from "../e2e/mcp-world.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const grant = ["--grant", "tools=mcp.*"];
const calls = (...all: readonly (readonly [name: string, given?: object])[]): string => `
import sandboxed
session = sandboxed.connect()
for name, given in ${JSON.stringify(all.map(([name, given = {}]) => [name, given]))}:
    try: print(session.tool(name, given), flush=True)
    except sandboxed.SessionError as error: print(error.code, error, flush=True)`;

function lines(stage: Stage, script: string): readonly string[] {
  const { stdout, stderr } = stage.python(script, grant);
  expect(stdout, stderr).not.toBe("");
  return stdout.trim().split("\n");
}

describe("a program that would reach through a server what it has not", () => {
  it("reads neither the server's variables, nor its entry, nor what it wrote", () =>
    onStage("self", (stage) => {
      configure(stage, fixture(stage, "docs", 'tools.read.approval_mode = "approve"', "tells"));
      const secret = "4711-of-the-server";
      const found = stage.python(
        `import glob
for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline") + ["${stage.home}/.config/sandboxed/config.toml"]:
    try: print(open(path, errors="replace").read())
    except OSError: pass
${calls(["mcp.docs.odd", { path: "exit" }])}`,
        grant,
      );
      expect(found.stdout).toContain("tool_failed MCP server docs: ");
      expect(found.stdout + found.stderr).not.toContain(secret);
      expect(found.stdout).not.toContain("SERVER_MODE");
      // Whoever started it is told.
      const dies = fixture(stage, "docs", "required = true", "dies");
      configure(stage, dies);
      expect(stage.python("pass", grant).stderr).toContain("cannot find my data");
    }));

  it("gets from a server no file that the server's own profile hides, by any spelling", () =>
    onStage("self", (stage) => {
      configure(stage, fixture(stage));
      const diary = join(stage.home, "diary.txt");
      const paths = [
        diary,
        `/proc/self/root${diary}`,
        `${stage.workspace}/../../diary.txt`,
        "/proc/1/environ",
        "/proc/1/root/etc/shadow",
      ];
      const readable = join(stage.workspace, "README.md");
      const [own, ...others] = lines(
        stage,
        calls(...[readable, ...paths].map((path) => ["mcp.docs.read", { path }] as const)),
      );
      expect(own).toBe("# project");
      expect(others.filter((line) => line !== "")).toEqual(
        paths.map(() => expect.stringMatching(/^tool_failed E(NOENT|ACCES|PERM)$/)),
      );
    }));

  it("keeps none alive when it is killed, and finds no way back to one", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage));
      stage.write("main.py", `${calls(["mcp.docs.read", { path: "/etc/passwd" }])}\nimport time; time.sleep(60)`);
      const child = stage.start([...grant, "main.py"]);
      let shown = "";
      child.stdout?.on("data", (chunk) => (shown += String(chunk)));
      await expect.poll(() => shown, { timeout: 10_000 }).toContain("root:");
      const alive = (): boolean => stage.plain("pgrep", ["-f", join(stage.workspace, "server.mjs")]).status === 0;
      expect(alive()).toBe(true);
      child.kill("SIGKILL");
      for (let tries = 0; tries < 50 && alive(); tries++) await sleep(100); // oxlint-disable-line no-await-in-loop -- until it is gone
      expect(alive()).toBe(false);
    }));
});

describe("a server that would get more than it was given", () => {
  it("cannot have one thing approved and another called", () =>
    onStage("self", async (stage) => {
      const script = (between: string): string => `
import os, threading, time
session = sandboxed.connect()
def ask():
    try: print(session.tool("mcp.docs.read", {"path": "/etc/passwd"})[:5])
    except sandboxed.SessionError as error: print(error.code, error)
thread = threading.Thread(target=ask)
thread.start()
while not os.path.exists("asked"): time.sleep(0.02)
session.tool("mcp.docs.${between}", {})
open("done", "w").close()
thread.join()`;
      const meanwhile = async (tool: string): Promise<string> => {
        const run = await askingRun(stage, grant, script(tool));
        stage.write("asked", "");
        await expect.poll(() => stage.read("done"), { timeout: 10_000 }).toBe("");
        rmSync(join(stage.workspace, "asked"));
        rmSync(join(stage.workspace, "done"));
        run.reply("yes");
        return (await run.ended).shown;
      };
      configure(stage, fixture(stage, "docs", 'tools.read.approval_mode = "prompt"'));
      expect(await meanwhile("change")).toContain("policy_denied mcp.docs.read is no longer what it was");
      // The tool has been used by nobody yet: with the same yes it is called.
      expect(await meanwhile("env")).toBe("root:\n");
    }));

  it("cannot paint over the question in which a tool of its own is approved", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage, "docs", 'tools.read.approval_mode = "prompt"', "paints"));
      const path = `/etc/${" ".repeat(2000)}shadow\u001b]8;;x\u0007`;
      const run = await askingRun(stage, grant, `session = sandboxed.connect()${calls(["mcp.docs.read", { path }])}`);
      const { stdout } = stage.sandboxed(["session", "show", run.session]);
      run.reply("no");
      // oxlint-disable-next-line no-control-regex -- what must not be there
      expect(stdout).not.toMatch(/[\u001b\u0007\u202e]/);
      expect(stdout).toContain("shadow");
      expect((await run.ended).shown).toContain("approval_denied");
    }));

  it("speaks for no other session: its questions reach whoever answers for the call it works on", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage, "docs", 'tools.ask.approval_mode = "approve"'));
      const script = `
import threading
session = sandboxed.connect()
other = sandboxed.connect(token=session.grant(["tools=mcp.docs.*"])["token"])
busy = threading.Thread(target=lambda: other.tool("mcp.docs.long", {"steps": 40, "pause": 50}))
busy.start()
print(session.tool("mcp.docs.ask", {}))
busy.join()
print(session.tool("mcp.docs.ask", {}))`;
      const run = await askingRun(stage, [...grant, "--grant", "delegate"], script);
      run.reply("yes");
      expect((await run.ended).shown).toMatch(/^{'action': 'cancel'}\n{'action': 'accept'/);
    }));

  it("is not started by a project, nor by a program that writes its configuration", () =>
    onStage("self", (stage) => {
      const text = fixture(stage).replace("server.mjs", "other.mjs");
      stage.write("other.mjs", 'require("fs").writeFileSync("ran", "")');
      stage.write(".sandboxed/config.toml", text);
      const run = stage.python(calls(["mcp.docs.read"]), grant);
      expect(run.stdout).not.toContain("root:");
      expect(existsSync(join(stage.workspace, "ran"))).toBe(false);
      const own = join(stage.home, ".config/sandboxed/config.toml");
      configure(stage, fixture(stage));
      const before = stage.read(own);
      const writing = `open(${JSON.stringify(own)}, "a").write("[mcp_servers.evil]\\ncommand = 'sh'\\n")`;
      expect(stage.python(writing).status).not.toBe(0);
      expect(stage.read(own)).toBe(before);
    }));
});

describe("a required server that is lost while a run is on", () => {
  it.each([true, false])("ends the run: %s", (required) =>
    onStage("self", (stage) => {
      const profile = `[permissions.servers]\nextends = ":workspace"\n`;
      configure(stage, profile + fixture(stage, "docs", `permissions = "servers"\nrequired = ${required}`, "once"));
      const script = `${calls(["mcp.docs.read", { path: "/etc/passwd" }], ["mcp.docs.odd", { path: "exit" }], ["mcp.docs.read", { path: "/etc/passwd" }])}
import time; time.sleep(1)
print("at the end")`;
      const { status, stdout, stderr } = stage.python(script, grant);
      expect(stdout).toContain("root:");
      expect([status === 0, stdout.includes("at the end")], stderr).toEqual([!required, !required]);
      if (required) expect(stderr).toContain("a required MCP server is lost, so the run is ended: MCP server docs: ");
    }),
  );
});
