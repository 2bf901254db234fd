import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Elicit } from "../../src/mcp/index.ts";
import { startModern } from "../mcp/http-servers.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { askingRun, configure, fixture, openOn } from "./mcp-world.ts";

const signal = new AbortController().signal;

/** What one call of `ask` comes to, where these answers are given to what is asked on its way. */
async function ask(stage: Stage, name: string, given: object, elicit: Elicit): Promise<unknown> {
  const { servers } = await openOn(stage, { grace: 10_000, elicit });
  try {
    return await servers.call(await servers.find(name), given, {}, { signal });
  } finally {
    await servers.close();
  }
}

const page = "https://login.example/?for=4711";
const modes: readonly [mode: string, given: object][] = [
  ["a form", {}],
  ["a page", { how: "page", url: page }],
];
const actions = ["accept", "decline", "cancel"] as const;

describe.each(modes)("%s that a server asks for", (mode, given) => {
  it.each(actions)("is answered: %s", (action) =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage));
      const content = action === "accept" && mode === "a form" ? { content: { word: "so" } } : {};
      const seen: unknown[] = [];
      const result = await ask(stage, "mcp.docs.ask", given, (server, params) => {
        seen.push([server, "url" in params ? params.url : params.message]);
        return Promise.resolve({ action, ...content });
      });
      expect(result).toMatchObject({ structuredContent: { action, ...content } });
      expect(seen).toEqual([["docs", mode === "a form" ? "Really?" : page]]);
    }),
  );
});

describe("in the era without a handshake", () => {
  it.each(actions)("a form and a page are answered: %s", async (action) => {
    const server = await startModern();
    try {
      await onStage("self", async (stage) => {
        configure(stage, `[mcp_servers.hub]\nurl = "${server.url}"\nprotocol = "2026-07-28"\n`);
        const asked: string[] = [];
        const result = await ask(stage, "mcp.hub.ask", {}, (_, { message, ...params }) => {
          asked.push(message);
          const wantsWord = action === "accept" && !("url" in params);
          return Promise.resolve({ action, ...(wantsWord && { content: { word: "so" } }) });
        });
        expect(asked.toSorted()).toEqual(["Sign in.", "Which word?"]);
        const word = action === "accept" ? { action, content: { word: "so" } } : { action };
        expect(result).toMatchObject({ structuredContent: { word, page: { action } } });
      });
    } finally {
      await server.close();
    }
  });
});

describe("a server that wants a page opened before it does what it is asked", () => {
  const first = { how: "first", url: page };
  it("is asked again when somebody has opened it, and not for ever", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage));
      let asked = 0;
      const opened: Elicit = () => {
        asked += 1;
        return Promise.resolve({ action: "accept" });
      };
      expect(await ask(stage, "mcp.docs.ask", first, opened)).toMatchObject({ content: [{ text: "signed in" }] });
      expect(asked).toBe(1);
      await expect(ask(stage, "mcp.docs.ask", { ...first, twice: true }, opened)).rejects.toThrow("sign in first");
      expect(asked).toBe(2);
    }));

  it("is not where nobody did", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage));
      const declined = ask(stage, "mcp.docs.ask", first, () => Promise.resolve({ action: "decline" }));
      await expect(declined).rejects.toThrow("MCP server docs: it wants an address opened first, and nobody did");
    }));
});

describe("what a server asks the people of a session", () => {
  const entry = (stage: Stage, lines = ""): string =>
    fixture(stage, "docs", `tools.ask.approval_mode = "approve"\n${lines}`);
  const asks = (given: string): string => `
try: print(sandboxed.connect().tool("mcp.docs.ask", ${given}))
except sandboxed.SessionError as error: print(error.code, error)`;
  const grant = ["--grant", "tools=mcp.docs.*"];

  it("shows the page's host as it is, and hands back no more than a yes", () =>
    onStage("self", async (stage) => {
      configure(stage, entry(stage));
      const given = '{"how": "page", "url": "https://\u0430pple.example/\u202ex"}';
      const run = await askingRun(stage, grant, asks(given));
      expect(run.question).toContain('"host": "xn--pple-43d.example"');
      expect(run.question).toContain("MCP server docs asks: Sign in.");
      run.reply("yes");
      expect(await run.ended).toMatchObject({ status: 0, shown: "{'action': 'accept'}\n" });
    }));

  it.each(["javascript:alert(1)", "file:///etc/passwd", "https://you:secret@login.example/", "vscode://x/y"])(
    "nobody is asked to open %s",
    (url) =>
      onStage("self", (stage) => {
        configure(stage, entry(stage));
        const { stdout, stderr } = stage.python(
          `import sandboxed\n${asks(JSON.stringify({ how: "page", url }))}`,
          grant,
        );
        expect(stdout, stderr).toBe("{'action': 'cancel'}\n");
      }),
  );

  it("stops the clocks of the run and of the tool until it is answered, and no longer", () =>
    onStage("self", async (stage) => {
      configure(stage, entry(stage, "tool_timeout_sec = 1"));
      const script = `${asks("{}")}
try: sandboxed.connect().tool("mcp.docs.odd", {"path": "hang"})
except sandboxed.SessionError as error: print(error.code, error)`;
      const run = await askingRun(stage, ["--timeout", "3s", ...grant], script);
      await sleep(2500);
      run.reply('{"approve": true, "word": "late"}');
      const { status, shown } = await run.ended;
      expect([status, shown]).toEqual([
        0,
        expect.stringMatching(
          /^{'action': 'accept', 'content': {'word': 'late'}}\ntool_failed .*timed out after 1 s\n$/,
        ),
      ]);
    }));

  it("is taken away when the run is cancelled, and the server learns of it", () =>
    onStage("self", async (stage) => {
      const profile = `[permissions.servers]\nextends = ":workspace"\n`;
      configure(stage, `${profile}${entry(stage, 'permissions = "servers"')}`);
      const path = join(stage.workspace, "answered.json");
      const run = await askingRun(stage, grant, asks(JSON.stringify({ path })));
      expect(stage.sandboxed(["session", "cancel", run.session]).status).toBe(0);
      await run.ended;
      expect(stage.read("answered.json")).toBe('{"action":"cancel"}');
      const { records }: { records: readonly Record<string, unknown>[] } = JSON.parse(
        stage.sandboxed(["audit", "show", run.session, "--json"]).stdout,
      );
      expect(records.filter(({ kind }) => kind === "session.answered")).toMatchObject([{ outcome: "aborted" }]);
    }));
});

describe("a model's answer and the directory of the run, which a server asks for", () => {
  const wants = `
result = sandboxed.connect().tool("mcp.docs.odd", {"path": "wants"})
for answer in result["answers"]: print(answer)`;
  const grant = ["--grant", "tools=mcp.docs.*"];
  const refused = "-32601";
  const entry = (stage: Stage, lines: string): string =>
    fixture(stage, "docs", `tools.odd.approval_mode = "approve"\n${lines}`);

  it.each([
    { lines: "roots = true", roots: true },
    { lines: "", roots: false },
  ])("the directory is told by a rule alone: $lines", ({ lines, roots }) =>
    onStage("self", (stage) => {
      configure(stage, entry(stage, lines));
      const { stdout, stderr } = stage.python(`import sandboxed\n${wants}`, grant);
      const told = roots ? `{'roots': [{'uri': 'file://${stage.workspace}'}]}` : refused;
      expect(stdout.split("\n").toSorted(), stderr).toEqual(["", refused, told].toSorted());
    }),
  );

  it("a model's answer comes from whoever answers for the session", () =>
    onStage("self", async (stage) => {
      configure(stage, entry(stage, "sampling = true"));
      const run = await askingRun(stage, grant, wants);
      expect(run.question).toContain("MCP server docs asks what a model would answer");
      expect(JSON.parse(run.question)).toMatchObject({
        live: { questions: [{ data: { messages: [{ role: "user", text: "hi" }], "tokens at most": 1 } }] },
      });
      run.reply('{"approve": true, "text": "hello"}');
      const { status, shown } = await run.ended;
      expect(shown).toContain("'text': 'hello'");
      expect(shown).toContain("'model': 'unknown'");
      expect([status, shown.split("\n")[0]]).toEqual([0, refused]);
    }));

  it("a no is told as one", () =>
    onStage("self", async (stage) => {
      configure(stage, entry(stage, "sampling = true"));
      const run = await askingRun(stage, grant, wants);
      run.reply("no");
      expect((await run.ended).shown.split("\n").toSorted()).toEqual(["", "-1", refused].toSorted());
    }));

  it("is there in the era without a handshake, too", async () => {
    const server = await startModern();
    try {
      await onStage("self", async (stage) => {
        configure(
          stage,
          `[mcp_servers.hub]\nurl = "${server.url}"\nprotocol = "2026-07-28"\nsampling = true\nroots = true\n`,
        );
        const { servers } = await openOn(stage, {
          grace: 10_000,
          sample: (from, { messages }) =>
            Promise.resolve({
              role: "assistant",
              model: "m",
              content: { type: "text", text: `${from} said ${JSON.stringify(messages[0]?.content)}` },
            }),
        });
        try {
          const result = await servers.call(await servers.find("mcp.hub.consult"), {}, {}, { signal });
          expect(result).toMatchObject({
            structuredContent: {
              answer: { content: { text: 'hub said {"type":"text","text":"Which?"}' } },
              roots: { roots: [{ uri: `file://${stage.workspace}` }] },
            },
          });
        } finally {
          await servers.close();
        }
      });
    } finally {
      await server.close();
    }
  });
});
