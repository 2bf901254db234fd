import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { remove, somebody, workFolder } from "./launch.ts";
import type { LaunchRequest } from "./launch.ts";
import { Tool } from "./tool-process.ts";

const CTRL_C = "\u0003";
const CTRL_Z = "\u001A";

/** An interactive shell in a terminal of its own, as a person has one. */
class Terminal {
  readonly #child: ChildProcess;
  #shown = "";
  #seen = 0;

  constructor(folder: string) {
    const shell = "stty -echo; PS1='$ ' exec bash --norc --noprofile -i";
    this.#child = spawn("script", ["--quiet", "--flush", "--command", shell, join(folder, "typescript")], {
      env: { PATH: process.env["PATH"], TERM: "dumb", HOME: folder, SHELL: "/bin/sh", HISTFILE: "/dev/null" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.#shown += chunk.toString().replaceAll("\r", "");
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits until the text appears, after what the last call waited for, and gives what came before it. */
  async shows(text: string | RegExp, patience = 30_000): Promise<string> {
    for (const end = Date.now() + patience; ; await sleep(10)) {
      const rest = this.#shown.slice(this.#seen);
      const found = typeof text === "string" ? rest.indexOf(text) : rest.search(text);
      if (found >= 0) {
        this.#seen += found + (typeof text === "string" ? text.length : (text.exec(rest)?.[0].length ?? 0));
        return rest.slice(0, found);
      }
      if (Date.now() > end) throw new Error(`never shown: ${String(text)} in ${JSON.stringify(rest)}`);
    }
  }

  /** Types it again where the program had not taken the terminal yet: the kernel then drops what would stop the tool. */
  async typesUntil(keys: string, text: string): Promise<void> {
    this.type(keys);
    await this.shows(text, 5000).catch(() => {
      this.type(keys);
      return this.shows(text);
    });
  }

  async close(): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGKILL");
    await gone;
  }
}

let tool: Tool;
let work = "";
let terminal: Terminal;
beforeAll(() => {
  tool = new Tool();
});
afterAll(() => tool.remove());
beforeEach(async () => {
  work = workFolder(somebody);
  terminal = new Terminal(work);
  await terminal.shows("$ ");
});
afterEach(async () => {
  await terminal.close();
  remove(work);
});

function launch(script: string | readonly string[], more: Partial<LaunchRequest> = {}): string {
  return tool.command({ who: somebody, work, run: script, note: join(work, "note"), ...more }).join(" ");
}

/** The process that was started with just these words. */
function processOf(words: string): number {
  const { stdout } = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  const line = stdout.split("\n").find((each) => each.endsWith(` ${words}`)) ?? "";
  return Number(/\d+/.exec(line));
}

/** In one step: `stty` takes two, and a shell that is told of the first does not hear of the second. */
function resize(rows: number, columns: number): void {
  const script = `import fcntl, os, struct, sys, termios
terminal = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ${rows}, ${columns}, 0, 0))`;
  const { status, stderr } = spawnSync("python3", ["-c", script, readFileSync(join(work, "tty"), "utf8").trim()]);
  expect(status, String(stderr)).toBe(0);
}

const listen = { guard: [["stderr", "tee"]] };
const bare: Partial<LaunchRequest> = {
  direct: true,
  init: [
    ["readable", "/"],
    ["writable", "/dev"],
  ],
};

describe.each<{ how: string; always: Partial<LaunchRequest> }>([
  { how: "an inherited terminal", always: {} },
  { how: "a terminal lent to it, to be listened to", always: listen },
  { how: "a terminal lent to it without namespaces", always: { ...listen, ...bare } },
])("in $how", ({ always }) => {
  const command = (script: string | readonly string[], more: Partial<LaunchRequest> = {}): string =>
    launch(script, { ...always, ...more });

  it("the program is in the foreground, and the shell's line goes on afterwards", async () => {
    terminal.type(`${command("read x; echo got-$x >/dev/tty")}; echo status=$?\n`);
    await sleep(150);
    terminal.type("typed\n");
    await terminal.shows("got-typed\n");
    await terminal.shows("status=0\n");
  });

  it("a script that calls the tool keeps its terminal", async () => {
    writeFileSync(join(work, "calls"), `${command("echo ran; exit 3")}\necho status=$?\nread x\necho x=$x\n`);
    terminal.type(`sh ${work}/calls\n`);
    await terminal.shows("status=3\n");
    terminal.type("more\n");
    await terminal.shows("x=more\n");
  });

  it("Ctrl-C reaches the program once, and bwrap not at all", async () => {
    const script = `trap 'n=$((n+1)); echo caught=$n' INT; n=0; echo ready; for i in 1 2 3 4; do sleep 0.1; done; echo counted=$n; exit 4`;
    terminal.type(`${command(["/bin/bash", "-c", script])}; echo status=$?\n`);
    await terminal.shows("ready\n");
    terminal.type(CTRL_C);
    await terminal.shows("caught=1\n");
    await terminal.shows("counted=1\n");
    await terminal.shows("status=4\n");
  });

  it("Ctrl-C ends a program that does not care", async () => {
    terminal.type(`${command("echo ready; exec sleep 9")}; echo status=$?\n`);
    await terminal.shows("ready\n");
    terminal.type(CTRL_C);
    await terminal.shows("status=130\n");
  });

  it("Ctrl-Z stops the job, fg and bg resume it", async () => {
    // Starts nothing while it waits: a program that is stopped before it is there stops nobody who is starting it.
    const script = "echo ready; read x; echo got-$x; while [ ! -e go ]; do :; done; echo done-in-bg";
    terminal.type(`${command(script)}\n`);
    await terminal.shows("ready\n");
    terminal.type(CTRL_Z);
    await terminal.shows("Stopped");
    terminal.type("fg; echo fg-status=$?\n");
    await sleep(200);
    terminal.type("typed\n");
    await terminal.shows("got-typed\n");
    terminal.type(CTRL_Z);
    await terminal.shows("Stopped");
    terminal.type("bg\n");
    await terminal.shows("$ ");
    terminal.type(`touch ${work}/go\n`);
    await terminal.shows("done-in-bg\n");
    const note = (): string => readFileSync(join(work, "note"), "utf8");
    await expect.poll(note).toBe("ready\nstarted\nstopped 20\nstopped 20\nexit 0\n");
  });

  it("a background job that reads waits for fg, one that writes goes on", async () => {
    terminal.type(`${command("echo before; read x; echo got-$x")} &\n`);
    await terminal.shows("before\n");
    await sleep(300);
    terminal.type("echo shell-still-here\n");
    await terminal.shows("shell-still-here\n");
    terminal.type("fg\n");
    await sleep(300);
    terminal.type("typed\n");
    await terminal.shows("got-typed\n");
    await terminal.shows("$ ");
  });

  it("a pager at the other end of a pipe keeps the terminal", async () => {
    terminal.type(`${command("echo line; sleep 0.5")} | sh -c 'read k </dev/tty; cat; echo key=$k'\n`);
    await sleep(250);
    terminal.type("space\n");
    await terminal.shows("line\nkey=space\n");
    // And Ctrl-C still comes through, by way of the launcher.
    terminal.type(
      `${command("trap 'echo told >&2; exit 1' INT; echo ready >&2; while :; do sleep 0.05; done")} | cat\n`,
    );
    await terminal.shows("ready\n");
    terminal.type(CTRL_C);
    await terminal.shows("told\n");
  });

  it("the program is told when the window changes", async () => {
    const script = `trap 'echo size=$(stty size </dev/tty)' WINCH; echo ready; tty=$(readlink /proc/self/fd/0); while [ ! -e go ]; do sleep 0.05; done`;
    terminal.type(`tty >${work}/tty; ${command(["/bin/bash", "-c", script])}\n`);
    await terminal.shows("ready\n");
    resize(33, 77);
    await terminal.shows("size=33 77\n");
    appendFileSync(join(work, "go"), "");
    await terminal.shows("$ ");
  });

  it("a shell inside has job control", async () => {
    terminal.type(
      `${command(["/bin/bash", "--norc", "--noprofile", "-i"], { environment: ["PATH=/usr/bin:/bin", "PS1=in> ", "TERM=dumb"] })}\n`,
    );
    const before = await terminal.shows("in> ");
    expect(before).not.toMatch(/job control|Inappropriate/);
    terminal.type("sleep 30\n");
    await sleep(200);
    terminal.type(CTRL_Z);
    await terminal.shows("Stopped");
    terminal.type("fg\n");
    await sleep(200);
    terminal.type(CTRL_C);
    await terminal.shows("in> ");
    terminal.type("exit 6\n");
    await terminal.shows("$ ");
    terminal.type("echo status=$?\n");
    await terminal.shows("status=6\n");
  });

  it("`none` takes it away, and leaves the shell's alone", async () => {
    const none = { guard: [["terminal", "none"]], init: [...(always.init ?? []), ["terminal", "none"]] };
    terminal.type(
      `${command("(echo x >/dev/tty) 2>&1 | grep -o 'No such device'; read x; echo input=$x", none)}; echo status=$?\n`,
    );
    await terminal.shows("No such device");
    expect(existsSync("/dev/tty")).toBe(true);
    terminal.type("typed\n");
    await terminal.shows(/status=\d/);
  });
});

describe("in a terminal lent to it", () => {
  const lent = (script: string | readonly string[]): string => launch(script, listen);

  it("it finds the settings and the size of the tool's, which is as before in the end", async () => {
    terminal.type(
      `stty rows 21 cols 63 -ixany intr ^G; stty -a >${work}/before; ${lent("stty -a >inside; stty -echo")}\n`,
    );
    await terminal.shows("$ ");
    terminal.type(`stty -a >${work}/after; cd ${work}; cmp before inside && cmp before after && echo same\n`);
    await terminal.shows("same\n");
  });

  it("while the program is stopped the shell has its own as it was", async () => {
    terminal.type(`tty >${work}/tty; stty -a >${work}/before; ${lent("stty -icanon -echo; echo ready; read x")}\n`);
    await terminal.shows("ready\n");
    await sleep(100);
    terminal.type(CTRL_Z);
    await terminal.shows("Stopped");
    terminal.type(`stty -a >${work}/stopped; cmp ${work}/before ${work}/stopped && echo same\n`);
    await terminal.shows("same\n");
    terminal.type("fg\n");
    await sleep(300);
    terminal.type("typed\n");
    await terminal.shows("$ ");
  });

  it("a job that runs in the background has keys and Ctrl-Z as soon as it is brought back", async () => {
    terminal.type(`${lent("echo ready; while [ ! -e go ]; do :; done; echo gone; read x; echo got-$x")} &\n`);
    await terminal.shows("ready\n");
    terminal.type("fg\n");
    await sleep(400);
    terminal.type(CTRL_Z);
    await terminal.shows("Stopped");
    terminal.type("bg\n");
    await sleep(200);
    appendFileSync(join(work, "go"), "");
    await terminal.shows("gone\n");
    await sleep(200);
    terminal.type("fg\n");
    await sleep(400);
    terminal.type("typed\n");
    await terminal.shows("got-typed\n");
  });

  it("where no shell could take the stopped job, it goes on", async () => {
    terminal.type(`exec ${lent("trap 'echo continued' CONT; echo ready; while [ ! -e go ]; do :; done; echo done")}\n`);
    await terminal.shows("ready\n");
    await sleep(100);
    await terminal.typesUntil(CTRL_Z, "continued\n");
    appendFileSync(join(work, "go"), "");
    await terminal.shows("done\n");
  });

  it("the shell has its terminal as it was when the tool is killed", async () => {
    const words = lent("echo ready; sleep 9");
    terminal.type(`stty -a >${work}/before; ${words}\n`);
    await terminal.shows("ready\n");
    await sleep(100);
    process.kill(processOf(words), "SIGKILL");
    await terminal.shows("Killed");
    terminal.type(`stty -a >${work}/after; cmp ${work}/before ${work}/after && echo same\n`);
    await terminal.shows("same\n");
  });

  it("what it pushes into its terminal stays there", async () => {
    const push = `import fcntl, termios\nfor c in b"touch ${work}/planted\\n": fcntl.ioctl(0, termios.TIOCSTI, bytes([c]))`;
    terminal.type(`${lent(["/bin/sh", "-c", `python3 -c '${push}'; echo pushed`])}\n`);
    await terminal.shows("pushed\n");
    await terminal.shows("$ ");
    terminal.type("echo next\n");
    await terminal.shows("next\n");
    expect(existsSync(join(work, "planted"))).toBe(false);
  });
});

describe("where standard error alone is the terminal and listened to", () => {
  it("it is one of the right size still, and bytes come unchanged", async () => {
    const script = "test -t 2 && stty size <&2 >&2; printf 'one\\ttwo\\r\\nthree\\n' >&2; echo done";
    terminal.type(`stty rows 21 cols 63; ${launch(script, listen)} | cat\n`);
    await terminal.shows("21 63\n");
    await terminal.shows(/one\ttwo\nthree\n/);
  });
});

describe("in a terminal of its own", () => {
  const own = { guard: [["terminal", "own"]], init: [["terminal", "own"]] };

  it("keys come raw, sizes follow, and the outer one is as before in the end", async () => {
    terminal.type(`tty >${work}/tty; stty rows 20 cols 60; stty -a >${work}/before\n`);
    await terminal.shows("$ ");
    const script = `trap 'echo size=$(stty size)' WINCH; trap 'echo caught' INT; stty size; echo ready; while [ ! -e go ]; do sleep 0.05; done; read x; echo got-$x`;
    terminal.type(
      `${launch(["/bin/bash", "-c", script], own)}; echo status=$?; stty -a >${work}/after; cmp ${work}/before ${work}/after && echo same\n`,
    );
    await terminal.shows("20 60\nready\n");
    resize(25, 50);
    await terminal.shows("size=25 50\n");
    terminal.type(CTRL_C);
    await terminal.shows("caught\n");
    resize(20, 60);
    appendFileSync(join(work, "go"), "");
    terminal.type("typed\r");
    await terminal.shows("got-typed\n");
    await terminal.shows("status=0\n");
    await terminal.shows("same\n");
  });
});
