import type { ChildProcess } from "node:child_process";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { configure, fixture } from "../e2e/mcp-world.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const TRIED = `
import json, os, sandboxed
session = sandboxed.connect()
def told(value): print(json.dumps(value), flush=True)
def tried(method, **params):
    try: return session.call("session." + method, **params)
    except sandboxed.SessionError as error: return error.code
`;

function answers(stage: Stage, words: readonly string[], script: string): readonly unknown[] {
  const { status, stdout, stderr } = stage.python(`${TRIED}${script}`, ["-q", ...words]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout
    .trim()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
}

interface Live {
  readonly run: ChildProcess;
  readonly token: string;
  readonly port: number;
}

/** A run that says what it was given once its second program is one (forked is not yet executed), and waits. */
async function live(stage: Stage, words: readonly string[]): Promise<Live> {
  const executed = 'until read name </proc/$!/comm && [ "$name" = sleep ]; do :; done';
  const script = `sleep 20 & ${executed}; echo $SANDBOXED_TOKEN $SANDBOXED_CHANNEL; wait`;
  const run = stage.start([...words, "--grant", "memory=notes", "--", "sh", "-c", script]);
  let said = "";
  run.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  for (let tries = 0; tries < 500 && !said.includes("\n"); tries += 1) await sleep(10);
  const [, token = "", port = ""] = /^(sbx_\S+) tcp:\/\/127\.0\.0\.1:(\d+)/.exec(said) ?? [];
  return { run, token, port: Number(port) };
}

/** What the port answers to these bytes from outside; empty where nobody does. */
async function asked(port: number, bytes: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  let said = "";
  socket.setEncoding("latin1").on("data", (text: string) => (said += text));
  socket.on("error", () => {});
  socket.write(bytes.replaceAll("PORT", String(port)), "latin1");
  const timer = setTimeout(() => socket.destroy(), 1000);
  await new Promise((resolve) => socket.once("close", resolve));
  clearTimeout(timer);
  return said;
}

const head = (token: string, more: readonly string[] = [], method = "session.ping"): string =>
  [
    `POST /v1/${method} HTTP/1.1`,
    "host: 127.0.0.1:PORT",
    "content-type: application/json",
    ...(token === "" ? [] : [`authorization: Bearer ${token}`]),
    ...more,
    "",
    "",
  ].join("\r\n");

describe("a token", () => {
  it("of a run with a network of its own is worth nothing on the host; of one with the host's, only with the token (B01, B05)", () =>
    onStage("self", async (stage) => {
      const closed = await live(stage, []);
      const shared = await live(stage, ["--network", "full"]);
      const ping = (token: string): string => head(token, ["content-length: 2", "connection: close"]) + "{}";
      expect([closed.token, shared.token].every((token) => token.startsWith("sbx_"))).toBe(true);
      expect(await asked(closed.port, ping(closed.token))).toBe("");
      expect(await asked(shared.port, ping(shared.token))).toMatch(/^HTTP\/1\.1 200 /);
      // Nor that of another run, nor none at all: nothing else of the request is looked at before.
      for (const token of [closed.token, "", "sbx_"]) {
        expect(await asked(shared.port, ping(token))).toMatch(/^HTTP\/1\.1 401 /);
        expect(await asked(shared.port, head(token, ["content-length: 9"]) + "{{{{{{{{{")).toMatch(/^HTTP\/1\.1 401 /);
      }
      if (process.getuid?.() === 0) {
        const url = `http://127.0.0.1:${shared.port}/v1/session.ping`;
        const words = ["-s", "-m", "5", "--noproxy", "*", "-X", "POST", "-o", "/dev/null", "-w", "%{http_code}", url];
        const other = ["--reuid=65534", "--regid=65534", "--clear-groups", "curl", ...words];
        expect(spawnSync("setpriv", other, { encoding: "utf8" }).stdout).toBe("401");
      }
      for (const { run } of [closed, shared]) run.kill("SIGKILL");
    }));

  it("stands in no command line, and in the environment of the run's programs alone (B04)", () =>
    onStage("self", async (stage) => {
      const { run, token } = await live(stage, []);
      const holding = (file: string): readonly string[] =>
        readdirSync("/proc")
          .filter((name) => /^\d+$/.test(name))
          .filter((pid) => {
            try {
              return readFileSync(`/proc/${pid}/${file}`, "latin1").includes(token);
            } catch {
              return false; // gone by now, or somebody else's
            }
          })
          .map((pid) => readFileSync(`/proc/${pid}/comm`, "latin1").trim());
      expect(token).toMatch(/^sbx_/);
      expect(holding("cmdline")).toEqual([]);
      expect(new Set(holding("environ"))).toEqual(new Set(["sh", "sleep"]));
      run.kill("SIGKILL");
    }));

  it("is not handed to the run's servers", () =>
    onStage("self", (stage) => {
      const entry = fixture(stage).replace(
        'command = "node"\nargs = [',
        `command = "sh"\nargs = ["-c", "env >server-env; exec node $0", `,
      );
      configure(stage, entry);
      const script = "import os, sandboxed; print(os.environ['SANDBOXED_TOKEN'], len(sandboxed.connect().tools()))";
      const { stdout, stderr } = stage.python(script, ["--grant", "tools=mcp.*"]);
      expect(stdout, stderr).toMatch(/^sbx_\S+ [1-9]/);
      expect(stage.read("server-env")).toContain("SERVER_MODE=good");
      expect(stage.read("server-env")).not.toMatch(/sbx_|TOKEN=|CHANNEL=/);
    }));

  it("and whoever takes the port of a session that was killed learns none (B13)", () =>
    onStage("self", async (stage) => {
      const { run, port } = await live(stage, ["--network", "full"]);
      // The program hears nothing of its session any more, because it is gone with it.
      run.kill("SIGKILL");
      await once(run, "exit");
      await sleep(300);
      expect(await asked(port, head("", ["content-length: 0"]))).toBe("");
      const left = spawnSync("pgrep", ["-f", stage.folder], { encoding: "utf8" }).stdout.trim();
      expect(left).toBe("");
    }));
});

describe("requests that two readers would cut differently (B44)", () => {
  const smuggled = head("TOKEN", ["content-length: 30"], "session.memory.set") + `{"key":"notes","value":"bad"} `;
  const cases: readonly (readonly [name: string, bytes: string])[] = [
    ["both lengths", head("TOKEN", ["content-length: 4", "transfer-encoding: chunked"]) + `0\r\n\r\n${smuggled}`],
    ["two lengths", head("TOKEN", ["content-length: 2", "content-length: 0"]) + `{}${smuggled}`],
    ["a length with a sign", head("TOKEN", ["content-length: +2"]) + `{}${smuggled}`],
    ["chunks of another spelling", head("TOKEN", ["transfer-encoding: xchunked"]) + `0\r\n\r\n${smuggled}`],
    [
      "chunked twice",
      head("TOKEN", ["transfer-encoding: chunked", "transfer-encoding: chunked"]) + `2\r\n{}\r\n${smuggled}`,
    ],
    ["a folded line", head("TOKEN", ["x: a\r\n b", "content-length: 2"]) + `{}`],
    ["a line feed alone", head("TOKEN", ["x: a\ncontent-length: 2"]) + `{}`],
    ["a space before the colon", head("TOKEN", ["content-length : 2"]) + `{}`],
    ["a token twice", head("TOKEN", ["authorization: Bearer x", "content-length: 2"]) + `{}`],
    [
      "an upgrade to a web socket of a page (B07)",
      head("TOKEN", ["origin: http://evil.test", "connection: upgrade", "upgrade: websocket", "content-length: 2"]) +
        "{}",
    ],
    ["a head without end", `POST /v1/session.ping HTTP/1.1\r\n${"x: y\r\n".repeat(20_000)}`],
  ];

  it("are refused whole, and do nothing", () =>
    onStage("self", async (stage) => {
      const { run, token, port } = await live(stage, ["--network", "full"]);
      const told: string[] = [];
      for (const [name, bytes] of cases) {
        const said = await asked(port, bytes.replaceAll("TOKEN", token));
        const answered = said.match(/^HTTP\/1\.1 \d+/gm) ?? [];
        if (answered.length > 1 || /^HTTP\/1\.1 (?:2|101)/m.test(said)) told.push(`${name}: ${answered.join(" ")}`);
      }
      expect(told).toEqual([]);
      const get = head(token, ["content-length: 15", "connection: close"], "session.memory.get") + `{"key":"notes"}`;
      expect(await asked(port, get)).toContain('{"found":false}');
      // The same act in a request that is one.
      expect(
        await asked(
          port,
          smuggled.replace("TOKEN", token).replace("content-length: 30", "connection: close\r\ncontent-length: 30"),
        ),
      ).toMatch(/^HTTP\/1\.1 200 /);
      expect(await asked(port, get)).toContain('"bad"');
      run.kill("SIGKILL");
    }));
});

it("files that are nobody's business are not had by the widest grant, however they are spelled", () =>
  onStage("self", (stage) => {
    const { home, outside, workspace } = stage;
    stage.write(join(outside, "table.csv"), "1,2\n");
    stage.plain("git", ["init", "-q", "."]);
    const state = join(home, ".local/state/sandboxed");
    const reads = [
      join(state, "sessions"),
      `${state}/sessions/../sessions`,
      `${workspace}/../../.ssh/id_ed25519`,
      `/proc/self/root${home}/.ssh/id_ed25519`,
      "/proc/self/fd/0",
      "/dev/fd/0",
      "/proc/1/environ",
      "/etc/shadow",
      "/dev/zero",
      `${outside}//./table.csv\u0000`,
      "a/".repeat(2040),
    ];
    const writes = [
      ".git/hooks/pre-commit",
      ".GIT/hooks/pre-commit",
      ".git/config",
      ".g\u200cit/config",
      ".vscode/tasks.json",
      ".envrc",
      `${state}/x`,
      "/proc/self/comm",
    ];
    const patch = (path: string): string => JSON.stringify(`*** Begin Patch\n*** Add File: ${path}\n+x\n*** End Patch`);
    const script = `
for path in ${JSON.stringify(reads)}: told([path[:20], tried("read", path=path)])
folder = sorted(os.listdir("."))
for path in ${JSON.stringify(writes)}: told([path, tried("write", path=path, content="x")])
told(tried("apply_patch", patch=${patch(".git/hooks/post-merge")}))
told(tried("read", path="${outside}/table.csv")["content"])
told([tried("write", path="${outside}/made", content="x")["created"], tried("write", path=".gitx/hooks", content="x")["created"]])
told(len(tried("apply_patch", patch=${patch("new")})["files"]))
`;
    const grants = ["fs.read=/**,**", "fs.write=/**,**", "patch=/**,**"].flatMap((grant) => ["--grant", grant]);
    const said = answers(stage, grants, script);
    const refused = said
      .slice(0, reads.length + writes.length + 1)
      .map((each) => (Array.isArray(each) ? each : ["patch", each]));
    const allowed = refused.filter(
      ([, code]) => typeof code !== "string" || !/^(?:policy_denied|unsupported|invalid_params|not_found)$/.test(code),
    );
    expect(allowed).toEqual([]);
    expect(said.slice(-3)).toEqual(["1,2\n", [true, true], 1]);
    expect(stage.read(".git/hooks/pre-commit")).toBe(null);
  }));
