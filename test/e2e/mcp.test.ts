import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { McpServers } from "../../src/mcp/index.ts";
import type { McpAllowlist, Provenance } from "../../src/policy/index.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { configure, fixture, openOn } from "./mcp-world.ts";
import { aSecond } from "../stage/a-second.ts";

const modules = new URL("../../node_modules", import.meta.url).pathname;
const profile = `[permissions.servers]\nextends = ":isolated"\n[permissions.servers.filesystem]\n"${modules}" = "read"\n`;
const real = (name: string, ...args: readonly string[]): string =>
  `[mcp_servers.${name}]\ncommand = "node"\nargs = ${JSON.stringify([`${modules}/@modelcontextprotocol/server-${name}/dist/index.js`, ...args])}\npermissions = "servers"\n`;

/** A tool's result, as far as the tests look at one. */
interface Answer {
  readonly content: readonly { readonly text: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

async function call(
  servers: McpServers,
  name: string,
  given: unknown = {},
  meta = {},
  signal = new AbortController().signal,
): Promise<Answer> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is not so fails the expectation
  return (await servers.call(await servers.find(name), given, meta, { signal })) as Answer;
}

async function withServers(
  stage: Stage,
  text: string,
  more: Parameters<typeof openOn>[1],
  act: (servers: McpServers) => Promise<void>,
): Promise<void> {
  configure(stage, text);
  const { servers } = await openOn(stage, more);
  try {
    await act(servers);
  } finally {
    await servers.close();
  }
}

describe("real servers, each in a sandbox of its own", () => {
  it("everything, filesystem and memory answer; the filesystem's own limit and the sandbox both hold", () =>
    onStage("self", async (stage) => {
      stage.write("page.txt", "a page\n");
      const text =
        profile +
        real("everything", "stdio") +
        real("filesystem", "/") +
        real("memory") +
        `env = { MEMORY_FILE_PATH = "${stage.workspace}/memory.json" }\n`;
      await withServers(stage, text, { grace: 10_000 }, async (servers) => {
        const names = (await servers.tools()).map(({ ref }) => `${ref.server}.${ref.tool}`);
        expect(names).toEqual(
          expect.arrayContaining(["everything.echo", "filesystem.read_text_file", "memory.read_graph"]),
        );
        expect(await call(servers, "mcp.echo", { message: "hi" })).toEqual({
          content: [{ type: "text", text: "Echo: hi" }],
        });
        const read = (path: string) => call(servers, "mcp.filesystem.read_text_file", { path });
        expect(await read(join(stage.workspace, "page.txt"))).toMatchObject({
          structuredContent: { content: "a page\n" },
        });
        // The server itself would read anything.
        for (const path of [
          join(stage.home, ".ssh/id_ed25519"),
          join(stage.home, "diary.txt"),
          join(stage.outside, "victim"),
        ]) {
          expect(await read(path), path).toMatchObject({ isError: true });
        }
        const entity = { entities: [{ name: "a", entityType: "b", observations: ["c"] }] };
        expect((await call(servers, "mcp.memory.create_entities", entity)).isError).not.toBe(true);
        expect(JSON.stringify(await call(servers, "mcp.memory.read_graph"))).toContain("entityType");
      });
    }));
});

describe("a server", () => {
  const good = async (stage: Stage, lines: string, act: (servers: McpServers) => Promise<void>, more = {}) =>
    withServers(stage, fixture(stage, "docs", lines), { grace: 5000, ...more }, act);

  it("is read page by page; results and _meta pass exactly", () =>
    onStage("self", (stage) =>
      good(stage, "", async (servers) => {
        expect((await servers.tools()).length).toBe(9);
        const meta = { "example/mine": [1, { a: null }] };
        expect(await call(servers, "mcp.docs.meta", {}, meta)).toEqual({
          content: [],
          structuredContent: { meta },
          _meta: { "example/kept": 7 },
        });
        expect(await call(servers, "mcp.docs.image")).toEqual({
          content: [
            { type: "image", data: "AAAA", mimeType: "image/png" },
            { type: "text", text: "x", extra: 1 },
          ],
          structuredContent: { a: [1] },
          extra: true,
        });
      }),
    ));

  it("gets the variables its entry names and no other, and no file of the home", () =>
    onStage("self", async (stage) => {
      await good(stage, "", async (servers) => {
        const seen = JSON.parse((await call(servers, "mcp.docs.env")).content[0]?.text ?? "");
        expect(seen).toMatchObject({ SERVER_MODE: "good", SANDBOXED: "1" });
        expect(await call(servers, "mcp.docs.read", { path: join(stage.home, "diary.txt") })).toMatchObject({
          isError: true,
        });
        expect(
          (await call(servers, "mcp.docs.read", { path: join(stage.workspace, "README.md") })).content[0]?.text,
        ).toBe("# project\n");
      });
    }));

  it("is held to rules on arguments, lists and a hidden tool", () =>
    onStage("self", (stage) =>
      good(
        stage,
        `disabled_tools = ["write"]\n[mcp_servers.docs.tools.read.arguments]\npath = { inside = "${stage.workspace}" }`,
        async (servers) => {
          const inside = join(stage.workspace, "README.md");
          expect((await call(servers, "mcp.docs.read", { path: inside })).isError).not.toBe(true);
          await expect(call(servers, "mcp.docs.read", { path: "/etc/hostname" })).rejects.toThrow(
            "config.toml:7: argument path of read cannot be",
          );
          await expect(call(servers, "mcp.docs.write")).rejects.toThrow("not allowed by the entry");
          expect((await servers.tools()).map(({ ref }) => ref.tool)).not.toContain("write");
        },
      ),
    ));

  it("whose tool changes in mid-session is refused that tool until it is approved", () =>
    onStage("self", (stage) =>
      good(stage, "", async (servers) => {
        const path = join(stage.workspace, "README.md");
        await call(servers, "mcp.docs.read", { path });
        await call(servers, "mcp.docs.change");
        await expect.poll(async () => (await servers.tools()).length, { timeout: 5000 }).toBe(8);
        await expect(call(servers, "mcp.docs.read", { path })).rejects.toThrow("no longer what it was");
        expect((await call(servers, "mcp.docs.env")).isError).not.toBe(true);
      }).then(async () => {
        await good(stage, "", async (servers) => {
          await call(servers, "mcp.docs.read", { path: "/" });
        });
        const server = join(stage.workspace, "server.mjs");
        writeFileSync(server, readFileSync(server, "utf8").replace("Reads a page.", "Reads and sends."));
        const shown = stage.sandboxed(["mcp", "approve", "docs"]);
        expect([shown.status, shown.stdout]).toEqual([1, expect.stringContaining('+ description: "Reads and sends."')]);
        expect(stage.sandboxed(["mcp", "approve", "docs", "read"]).status).toBe(0);
        expect(stage.sandboxed(["mcp", "approve", "docs"])).toMatchObject({
          status: 0,
          stdout: "nothing has changed\n",
        });
      }),
    ));

  it("has nobody's model answer, and is told of no folders", () =>
    onStage("self", (stage) =>
      good(stage, "", async (servers) => {
        const { structuredContent } = await call(servers, "mcp.docs.odd", { path: "wants" });
        expect(structuredContent).toEqual({ answers: [-32_601, -32_601] });
      }),
    ));

  it.each(["accept", "decline", "cancel"] as const)("asks the person: %s", (action) =>
    onStage("self", (stage) => {
      const seen: string[] = [];
      const elicit = async (server: string, { message }: { message: string }) => {
        seen.push(`${server}: ${message}`);
        return action === "accept" ? { action, content: { word: "yes" } } : { action };
      };
      return good(
        stage,
        "",
        async (servers) => {
          const { structuredContent } = await call(servers, "mcp.docs.ask");
          expect(structuredContent).toEqual(action === "accept" ? { action, content: { word: "yes" } } : { action });
          expect(seen).toEqual(["docs: Really?"]);
        },
        { elicit },
      );
    }),
  );
});

describe("bad servers are bounded and named, and the others go on", () => {
  it.each<[mode: string, says: RegExp]>([
    ["dies", /MCP server bad: .*cannot find my data/s],
    ["hangs", /MCP server bad: .*timed out/is],
    ["floods", /MCP server bad: 100 lines/],
    ["endless", /MCP server bad: .*more than 100 pages/],
    ["restless", /MCP server bad: its tools change faster/],
  ])("one that %s", (mode, says) =>
    onStage("self", async (stage) => {
      const text = (required: boolean) =>
        fixture(stage) + fixture(stage, "bad", `startup_timeout_ms = 4000\nrequired = ${required}`, mode);
      await withServers(stage, text(false), { grace: 1000 }, async (servers) => {
        const began = performance.now();
        await servers.start();
        await servers.tools();
        expect(performance.now() - began).toBeLessThan(aSecond);
        const names = async () => new Set((await servers.tools()).map(({ ref }) => ref.server));
        await expect.poll(names, { timeout: 10_000 }).toEqual(new Set(["docs"]));
        await expect(call(servers, "mcp.bad.read")).rejects.toThrow(says);
        expect((await call(servers, "mcp.docs.env")).isError).not.toBe(true);
      });
      await withServers(stage, text(true), {}, (servers) => expect(servers.start()).rejects.toThrow(says));
    }),
  );

  it.each<[how: string, refused: RegExp | null]>([
    ["other", null],
    ["twice", null],
    ["deep", null],
    ["tells", null],
    ["asks", /MCP server docs: it has 200 answers to its questions unread/],
    ["exit", /MCP server docs/],
    ["large", /longer than 16777216 bytes/],
    ["hang", /timed out/i],
  ])("a call that answers: %s", (how, refused) =>
    onStage("self", (stage) =>
      withServers(stage, fixture(stage, "docs", "tool_timeout_sec = 3"), { grace: 5000 }, async (servers) => {
        const answer = call(servers, "mcp.docs.odd", { path: how });
        if (refused === null) expect((await answer).content[0]?.text).toBe("still here");
        else await expect(answer).rejects.toThrow(refused);
        // Lost or not, the next call finds a server.
        expect((await call(servers, "mcp.docs.write")).content[0]?.text).toBe("written");
      }),
    ),
  );

  it("a call that is cancelled ends at once", () =>
    onStage("self", (stage) =>
      withServers(stage, fixture(stage), { grace: 5000 }, async (servers) => {
        await servers.start();
        const cancel = new AbortController();
        const answer = call(servers, "mcp.docs.odd", { path: "hang" }, {}, cancel.signal);
        setTimeout(() => cancel.abort(), 100);
        await expect(answer).rejects.toThrow();
        expect((await call(servers, "mcp.docs.write")).content[0]?.text).toBe("written");
      }),
    ));
});

describe("what the organisation allows", () => {
  const provenance: Provenance = {
    layer: "requirements",
    file: "/etc/sandboxed/requirements.toml",
    line: 3,
    column: 1,
    owner: "it",
  };
  const node = process.execPath;
  const list = (stage: Stage, sha256: string): McpAllowlist => ({
    provenance,
    servers: new Map([
      [
        "docs",
        {
          identity: {
            kind: "command",
            executable: node,
            args: [{ match: "exact", value: `${stage.workspace}/server.mjs` }],
            sha256,
            env: new Map([["SERVER_MODE", "good"]]),
            envVars: [],
            cwd: ":session",
          },
          arguments: new Map([["read", new Map([["path", { prefix: "/etc/", provenance }]])]]),
          provenance,
        },
      ],
    ]),
  });
  const digest = createHash("sha256").update(readFileSync(node)).digest("hex");

  it("runs, with its rules; another name, or another digest, is disabled with the source", () =>
    onStage("self", async (stage) => {
      const entry = (name: string) => fixture(stage, name).replace('command = "node"', `command = "${node}"`);
      await withServers(
        stage,
        entry("docs") + entry("copy"),
        { allowlist: list(stage, digest), grace: 5000 },
        async (servers) => {
          expect((await call(servers, "mcp.docs.read", { path: "/etc/passwd" })).isError).not.toBe(true);
          await expect(call(servers, "mcp.docs.read", { path: "/proc/self/environ" })).rejects.toThrow(
            "requirements.toml:3: argument path",
          );
          await expect(call(servers, "mcp.copy.read")).rejects.toThrow(
            "requirements (/etc/sandboxed/requirements.toml:3): no server copy is allowed",
          );
        },
      );
      const others = { allowlist: list(stage, "0".repeat(64)) };
      await withServers(stage, entry("docs") + "required = true\n", others, (servers) =>
        expect(servers.start()).rejects.toThrow("digest"),
      );
    }));
});

describe("sandboxed-run --grant tools=…", () => {
  it("lets a program call what it was granted, and tells whose call it was", () =>
    onStage("self", (stage) => {
      configure(stage, fixture(stage));
      const script = `
import json, os, urllib.request
def call(name):
    url = "http://" + os.environ["SANDBOXED_CHANNEL"][6:] + "/v1/session.tool"
    headers = {"Authorization": "Bearer " + os.environ["SANDBOXED_TOKEN"], "Content-Type": "application/json"}
    meta = {"x-sandboxed-session": {"session": "forged"}, "example/mine": [1, {"a": None}]}
    request = urllib.request.Request(url, json.dumps({"name": name, "arguments": {}, "_meta": meta}).encode(), headers)
    try:
        return json.load(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request))
    except urllib.error.HTTPError as error:
        return json.load(error)["error"]["data"]["code"]
print(json.dumps([call("mcp.docs." + name) for name in ("meta", "write", "env")]))
`;
      const run = stage.python(script, ["--ephemeral", "--grant", "tools=mcp.docs.meta,mcp.docs.write"]);
      const [meta, write, env] = JSON.parse(run.stdout);
      // Both ways untouched, but for what says whose call it is.
      expect(meta).toMatchObject({ content: [], isError: false, _meta: { "example/kept": 7 } });
      expect(meta.structuredContent.meta).toEqual({
        "example/mine": [1, { a: null }],
        "x-sandboxed-session": {
          session: expect.stringMatching(/^\d{8}-\d{6}-/),
          call: expect.any(String),
          trace: expect.stringMatching(/^[0-9a-f-]{36}$/),
        },
      });
      // Risky, and nobody is there to be asked; the other was not granted.
      expect([write, env]).toEqual(["nobody_to_ask", "not_granted"]);
    }));

  it.each([
    ["a risky call that is approved", "write", "yes", /"approval".*"text":"Call mcp.docs.write/, "written"],
    ["a risky call that is not", "write", "no", /"approval".*"text":"Call mcp.docs.write/, "approval_denied"],
    [
      "what the server asks",
      "ask",
      '{"approve": true, "word": "so"}',
      /"checkpoint".*"text":"MCP server docs asks: Really/,
      "{'action': 'accept', 'content': {'word': 'so'}}",
    ],
    [
      "what the server asks, denied",
      "ask",
      "no",
      /"checkpoint".*"text":"MCP server docs asks/,
      "{'action': 'decline'}",
    ],
  ])("asks the session's people, while the clock stands still: %s", (_, tool, reply, recorded, came) =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage, "docs", 'tools.ask.approval_mode = "approve"'));
      stage.write(
        "main.py",
        `import os, sandboxed
open("session", "w").write(os.environ["SANDBOXED_SESSION_ID"])
try: print(sandboxed.connect().tool("mcp.docs.${tool}", {}))
except sandboxed.SessionError as error: print(error.code)`,
      );
      const child = stage.start(["--timeout", "2s", "--grant", "tools=mcp.docs.*", "main.py"]);
      let shown = "";
      child.stdout?.setEncoding("utf8").on("data", (text: string) => {
        shown += text;
      });
      const ended = new Promise((resolve) => child.once("close", resolve));
      // The server has a session too, as young as this one.
      const session = (): string => stage.read("session") ?? "";
      const isAsked = (): boolean =>
        stage.sandboxed(["session", "show", session(), "--json"]).stdout.includes('"id": "q');
      // oxlint-disable-next-line no-await-in-loop -- until it is there
      for (let tries = 0; tries < 50 && !isAsked(); tries++) await new Promise((done) => setTimeout(done, 100));
      await new Promise((done) => setTimeout(done, 1500));
      const replied = stage.sandboxed(["session", "reply", session(), reply]);
      expect([replied.status, replied.stderr]).toEqual([0, ""]);
      expect([await ended, shown]).toEqual([0, expect.stringContaining(came)]);
      const sessions = join(stage.home, ".local/state/sandboxed/sessions");
      const journals = readdirSync(sessions).map((id) => readFileSync(join(sessions, id, "journal.jsonl"), "utf8"));
      expect(journals.join("\n")).toMatch(recorded);
    }),
  );

  const threaded = `
import sandboxed
session, seen = sandboxed.connect(), []
def follow(report):
    session.ping()
    seen.append([report.progress, report.total, report.message])
    if report.progress == 2: raise ValueError("of the one who follows")
print(session.tool("mcp.docs.long", {"pause": 0}, on_progress=follow), seen)
print(session.tool("mcp.docs.long", {}))`;
  const asynchronous = `
import asyncio, sandboxed.aio
async def main():
    session, seen = await sandboxed.aio.connect(), []
    follow = lambda report: seen.append([report.progress, report.total, report.message])
    first, second = await asyncio.gather(session.tool("mcp.docs.long", {"pause": 0}, on_progress=follow), session.tool("mcp.docs.long", {}))
    print(first, seen)
    print(second)
asyncio.run(main())`;
  const node = (): string => `
import { connect } from "${process.env["SANDBOXED_TEST_TOOL"] ?? ""}/dist/client/index.js";
const session = await connect();
const seen = [];
const follow = ({ progress, total, message }) => seen.push([progress, total, message]);
const told = await session.tool("mcp.docs.long", { pause: 0 }, follow);
console.log(told, JSON.stringify(seen).replaceAll('"', "'").replaceAll(",", ", "));
console.log(await session.tool("mcp.docs.long"));
session.close();`;
  it.each([
    ["Python", "main.py", () => threaded],
    ["asyncio", "main.py", () => asynchronous],
    ["Node.js", "main.mjs", node],
  ])("lets a script follow a tool's progress, if it asks: %s", (_, file, script) =>
    onStage("self", (stage) => {
      configure(stage, fixture(stage));
      stage.write(file, script());
      const tool = ["-r", process.env["SANDBOXED_TEST_TOOL"] ?? ""];
      const { stdout, stderr } = stage.run([...tool, "--grant", "tools=mcp.docs.long", file]);
      expect(stdout, stderr).toBe("told [[1, 3, 'step 1'], [2, 3, 'step 2'], [3, 3, 'step 3']]\nunasked\n");
    }),
  );

  it("ends its servers, each with a session of its own that is nobody's last", () =>
    onStage("self", (stage) => {
      configure(stage, fixture(stage));
      const script = 'import sandboxed\nsandboxed.connect().tool("mcp.docs.env", {})';
      const words = ["--grant", "tools=mcp.docs.env"];
      const sessions = join(stage.home, ".local/state/sandboxed/sessions");
      const approved = fixture(stage, "docs", 'tools.env.approval_mode = "approve"');
      configure(stage, approved);
      expect(stage.python(script, ["--ephemeral", ...words]).stderr).toBe("");
      expect(existsSync(sessions) ? readdirSync(sessions) : []).toEqual([]);

      expect(stage.python(script, words).status).toBe(0);
      // A look at a server comes after the run.
      expect(stage.sandboxed(["mcp", "get", "docs", "--tools"]).status).toBe(0);
      const opened = readdirSync(sessions).map((id) => {
        const [first = ""] = readFileSync(join(sessions, id, "journal.jsonl"), "utf8").split("\n");
        return {
          ...JSON.parse(first),
          state: JSON.parse(stage.sandboxed(["session", "show", id, "--json"]).stdout).state,
        };
      });
      expect(opened.map(({ state }) => state)).toEqual(["ended", "ended", "ended"]);
      const { session: run } = opened.find(({ mcpServer }) => mcpServer === undefined);
      const servers = opened.filter(({ mcpServer }) => mcpServer === "docs");
      expect(new Set(servers.map(({ parent }) => parent))).toEqual(new Set([run, undefined]));
      expect(JSON.parse(stage.sandboxed(["session", "show", "last", "--json"]).stdout).session).toBe(run);
      expect(stage.sandboxed(["audit", "verify", "last"]).status).toBe(0);
    }));

  it("waits a second at most for optional servers that hang", () =>
    onStage("self", (stage) => {
      const hanging = ["one", "two", "three"].map((name) => fixture(stage, name, "", "hangs")).join("");
      configure(stage, fixture(stage) + hanging);
      const script = `import time, sandboxed
session = sandboxed.connect()
session.ping()
began = time.monotonic()
names = {tool.name.split(".")[1] for tool in session.tools()}
print(time.monotonic() - began, names)`;
      const { stdout, stderr } = stage.python(script, ["--grant", "tools=mcp.*"]);
      const [, took = "", names = ""] = /^(\S+) (.*)\n$/.exec(stdout) ?? [];
      expect(names, stderr).toBe("{'docs'}");
      expect(Number(took)).toBeLessThan(1.5);
    }));

  it.each<[grant: string, status: number]>([
    ["tools=mcp.docs.*", 0],
    ["tools=report", 0],
    ["tools=mcp.bad.*", 125],
    ["tools=mcp.read", 125],
  ])("a required server that cannot start fails a run with %s: %i", (grant, status) =>
    onStage("self", (stage) => {
      configure(stage, fixture(stage) + fixture(stage, "bad", "required = true", "dies"));
      const run = stage.run(["--grant", grant, "--", "touch", "started"]);
      expect(run.status, run.stderr).toBe(status);
      expect(existsSync(join(stage.workspace, "started"))).toBe(status === 0);
      if (status !== 0) expect(run.stderr).toMatch(/MCP server bad: .*cannot find my data/s);
    }),
  );
});
