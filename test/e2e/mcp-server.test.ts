import { join } from "node:path";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/client";
import type { ElicitResult, JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { onStage, people } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { configure } from "./mcp-world.ts";

interface Answer {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
}

type Call = (name: string, given?: object, onProgress?: (message: string) => void) => Promise<Answer>;

const eras = ["legacy", "auto"] as const;

interface Connecting {
  readonly words?: readonly string[];
  /** What the person says; null for a client that cannot ask. */
  readonly reply?: ElicitResult | null;
  readonly mode?: (typeof eras)[number];
}

/** The SDK's client at a program that the stage starts, as whoever the stage is for. */
class ChildTransport implements Transport {
  onclose?: () => void;
  onmessage?: (message: JSONRPCMessage) => void;
  readonly #begin: () => ChildProcess;
  #child: ChildProcess | null = null;

  constructor(stage: Stage, words: readonly string[]) {
    this.#begin = () => stage.startPlain(process.execPath, [stage.tool("sandboxed"), "mcp-server", ...words]);
  }

  start(): Promise<void> {
    const child = (this.#child = this.#begin());
    if (child.stdout === null) throw new Error("no output");
    createInterface({ input: child.stdout }).on("line", (line) => this.onmessage?.(JSON.parse(line)));
    child.once("exit", () => this.onclose?.());
    return Promise.resolve();
  }

  send(message: JSONRPCMessage): Promise<void> {
    this.#child?.stdin?.write(`${JSON.stringify(message)}\n`);
    return Promise.resolve();
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.stdin?.end();
    await gone;
  }
}

/** A client of the SDK's at `sandboxed mcp-server`, which is run in the stage's workspace. */
async function withClient(
  stage: Stage,
  act: (call: Call, asked: readonly string[]) => Promise<void>,
  { words = [], reply = null, mode = "legacy" }: Connecting = {},
): Promise<void> {
  const capabilities = reply === null ? {} : { elicitation: { form: {} } };
  const client = new Client({ name: "test", version: "0" }, { capabilities, versionNegotiation: { mode } });
  const asked: string[] = [];
  if (reply !== null) {
    client.setRequestHandler("elicitation/create", (request) => {
      asked.push(request.params.message);
      return reply;
    });
  }
  await client.connect(new ChildTransport(stage, words));
  try {
    const call: Call = async (name, given = {}, onProgress = () => {}) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is not so fails the expectation
      (await client.callTool(
        { name, arguments: { ...given } },
        { onprogress: ({ message }) => onProgress(message ?? "") },
      )) as unknown as Answer;
    await act(call, asked);
  } finally {
    await client.close();
  }
}

/** 0 while that one is on. */
function sleeping(stage: Stage): number | null {
  return stage.plain("pgrep", ["-f", "^sleep 46.5$"]).status;
}

describe.each(people)("sandboxed mcp-server, as %s", (person) => {
  it("runs a command in a sandbox: output, status, input, progress, what was refused", () =>
    onStage(person, (stage) =>
      withClient(
        stage,
        async (call) => {
          const script = `read line; echo "got $line"; cat ${join(stage.home, ".ssh/id_ed25519")}; echo x > made; exit 3`;
          const given = { command: ["sh", "-c", script], stdin: "hello\n" };
          const { isError, structuredContent } = await call("run_command", given);
          expect(isError).toBe(true);
          expect(structuredContent).toMatchObject({ status: 3, stdout: "got hello\n", profile: ":workspace" });
          expect(JSON.stringify(structuredContent?.["notes"])).toContain("id_ed25519");
          expect(stage.read("made")).toBe("x\n");
          const told: string[] = [];
          const slow = "echo one; sleep 0.02; echo two; until [ -e told ]; do sleep 0.05; done; echo three";
          const ran = await call("run_command", { command: ["sh", "-c", slow] }, (message) => {
            told.push(message);
            // What came last before it fell silent is told as well, and lets it go on.
            if (message.includes("two")) stage.write("told", "");
          });
          expect(ran.structuredContent).toMatchObject({ status: 0, stdout: "one\ntwo\nthree\n" });
          expect(told.join()).toContain("two");
        },
        { words: ["-P", ":workspace"] },
      ),
    ));
});

describe("sandboxed mcp-server", () => {
  it("starts commands where it may and nowhere else, and ends those that take too long", () =>
    onStage("self", (stage) =>
      withClient(stage, async (call) => {
        stage.write("sub/file", "x");
        const pwd = async (cwd: string) => call("run_command", { command: ["pwd"], cwd });
        expect((await pwd("sub")).structuredContent).toMatchObject({ stdout: `${stage.workspace}/sub\n` });
        for (const cwd of ["..", stage.home, stage.outside, "/"]) {
          expect((await pwd(cwd)).content[0]?.text, cwd).toContain("is outside of");
        }
        const late = await call("run_command", { command: ["sleep", "60"], timeoutSeconds: 0.3 });
        expect(late.structuredContent).toMatchObject({ timedOut: true });
      }),
    ));

  it.each(eras)("asks the person before another profile is used (%s)", (mode) =>
    onStage("self", async (stage) => {
      const given = { command: ["sh", "-c", "echo y > made; cat made"], permissions: ":workspace" };
      const run = async (reply: ElicitResult | null) => {
        let answer: Answer | null = null;
        let questions: readonly string[] = [];
        await withClient(
          stage,
          async (call, asked) => {
            answer = await call("run_command", given).catch((error: unknown) => ({
              isError: true,
              content: [{ text: String(error) }],
            }));
            questions = asked;
          },
          { reply, mode, words: ["-P", ":read-only"] },
        );
        return { answer, questions };
      };
      for (const reply of [null, { action: "decline" }, { action: "accept", content: { approve: false } }] as const) {
        expect((await run(reply)).answer).toMatchObject({ isError: true });
        expect(stage.read("made")).toBeNull();
      }
      const { answer, questions } = await run({ action: "accept", content: { approve: true } });
      expect(answer).toMatchObject({ structuredContent: { stdout: "y\n", profile: ":workspace" } });
      expect(stage.read("made")).toBe("y\n");
      expect(questions).toEqual([expect.stringContaining("sh -c 'echo y > made; cat made'")]);
      expect(questions[0]).toContain(":workspace");
    }),
  );

  it("answers what cannot be read, or in two ways, without doing any of it, and goes on", () =>
    onStage("self", async (stage) => {
      const child = stage.startPlain(process.execPath, [stage.tool("sandboxed"), "mcp-server", "-P", ":workspace"]);
      const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
      const answers: { readonly id: unknown; readonly error?: { readonly message: string } }[] = [];
      if (child.stdout === null) throw new Error("no output");
      createInterface({ input: child.stdout }).on("line", (line) => answers.push(JSON.parse(line)));
      const next = async (line: string | Buffer) => {
        const known = answers.length;
        child.stdin?.write(line);
        child.stdin?.write("\n");
        await expect.poll(() => answers.length, { timeout: 20_000 }).toBe(known + 1);
        return answers[known];
      };
      const clientInfo = { name: "x", version: "1" };
      const hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo };
      await next(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: hello }));
      const given = { command: ["sh", "-c", "echo ran >> effect"] };
      const call = JSON.stringify({
        jsonrpc: "2.0",
        id: 2,
        method: "tools/call",
        params: { name: "run_command", arguments: given },
      });
      const odd: readonly (readonly [line: string | Buffer, why: string])[] = [
        [call.replace('"name":', '"name":"explain","name":'), "twice"],
        [call.replace('"command":', '"command":["true"],"command":'), "twice"],
        [call.replace('["sh"', `${"[".repeat(100_000)}${"]".repeat(100_000)},["sh"`), "deeper than 64"],
        [call.slice(0, -1), "not JSON"],
        [Buffer.from(call.replace("ran", "r\xFFn"), "latin1"), "not valid"],
        [call.replace("ran", "x".repeat(20 * 1024 * 1024)), "longer than 8388608"],
      ];
      for (const [line, why] of odd) {
        // oxlint-disable-next-line no-await-in-loop -- each has its own answer
        expect(await next(line), why).toMatchObject({ id: null, error: { message: expect.stringContaining(why) } });
      }
      expect(stage.read("effect")).toBeNull();
      expect(await next(call)).toMatchObject({ id: 2, result: { structuredContent: { status: 0 } } });
      expect(stage.read("effect")).toBe("ran\n");
      child.stdin?.end();
      expect(await gone).toBe(0);
    }));

  it("ends the run that its client cancels, answers nothing to it, and leaves the other one alone", () =>
    onStage("self", async (stage) => {
      const child = stage.startPlain(process.execPath, [stage.tool("sandboxed"), "mcp-server", "-P", ":workspace"]);
      const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
      const answered: unknown[] = [];
      if (child.stdout === null) throw new Error("no output");
      createInterface({ input: child.stdout }).on("line", (line) => answered.push(JSON.parse(line).id));
      const say = (message: object): void =>
        void child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
      const cancel = (requestId: number): void => say({ method: "notifications/cancelled", params: { requestId } });
      const clientInfo = { name: "x", version: "1" };
      say({ id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo } });
      say({ method: "notifications/initialized" });
      const run = (id: number, name: string): void => {
        const script = `echo on > ${name}; until [ -e go ]; do sleep 0.05; done; echo done > ${name}`;
        const given = { command: ["sh", "-c", script] };
        say({ id, method: "tools/call", params: { name: "run_command", arguments: given } });
      };
      run(2, "cancelled");
      run(3, "other");
      // Cancelled before it could begin.
      run(4, "never");
      cancel(4);
      await expect
        .poll(() => [stage.read("cancelled"), stage.read("other")], { timeout: 20_000 })
        .toEqual(["on\n", "on\n"]);
      cancel(2);
      await setTimeout(500);
      stage.write("go", "");
      await expect.poll(() => answered, { timeout: 20_000 }).toEqual([1, 3]);
      expect(["cancelled", "other", "never"].map((name) => stage.read(name))).toEqual(["on\n", "done\n", null]);
      child.stdin?.end();
      expect(await gone).toBe(0);
      expect(answered).toEqual([1, 3]);
    }));

  it.each(["a client that goes", "SIGTERM"])("leaves no process behind after %s", (how) =>
    onStage("self", async (stage) => {
      const child = stage.startPlain(process.execPath, [stage.tool("sandboxed"), "mcp-server"]);
      const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
      const say = (message: object): void =>
        void child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
      const clientInfo = { name: "x", version: "1" };
      say({ id: 1, method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo } });
      say({ method: "notifications/initialized" });
      const script = "echo on > on; exec sleep 46.5";
      say({
        id: 2,
        method: "tools/call",
        params: { name: "run_command", arguments: { command: ["sh", "-c", script] } },
      });
      await expect.poll(() => stage.read("on"), { timeout: 10_000 }).toBe("on\n");
      await expect.poll(() => sleeping(stage), { timeout: 5000 }).toBe(0);
      if (how === "SIGTERM") child.kill();
      else child.stdin?.end();
      expect(await gone).toBe(0);
      expect(sleeping(stage)).toBe(1);
    }),
  );

  it("explains, lists profiles, and tells of its own sessions alone", () =>
    onStage("self", async (stage) => {
      configure(stage, '[permissions.ci]\nextends = ":isolated"\n');
      expect(stage.sh("true").status).toBe(0);
      const { sessions } = JSON.parse(stage.sandboxed(["audit", "show", "--json"]).stdout);
      expect(sessions.length).toBe(1);
      await withClient(stage, async (call) => {
        expect(
          (await call("explain", { operation: "write", subject: "/etc/hostname" })).structuredContent,
        ).toMatchObject({
          answer: "deny",
          text: expect.stringContaining("/etc/hostname"),
        });
        const readme = join(stage.workspace, "README.md");
        expect((await call("explain", { operation: "read", subject: readme })).structuredContent).toMatchObject({
          answer: "allow",
        });
        expect((await call("explain", { operation: "fly", subject: "x" })).content[0]?.text).toContain(
          "is no question",
        );
        expect((await call("list_profiles")).structuredContent).toMatchObject({
          profiles: expect.arrayContaining([
            { name: ":isolated", isDefault: true, needsApproval: false },
            { name: "ci", isDefault: false, needsApproval: true },
          ]),
        });
        expect(await call("read_session")).toMatchObject({ isError: true });
        const { structuredContent } = await call("run_command", { command: ["false"] });
        expect(
          (await call("read_session", { session: structuredContent?.["session"] })).structuredContent,
        ).toMatchObject({
          command: ["false"],
          items: [{ kind: "run", outcome: "1" }],
        });
        expect(await call("read_session", { session: sessions[0].id })).toMatchObject({ isError: true });
      });
    }));
});
