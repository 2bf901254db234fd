import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hello, LineClient } from "../mcp/line-client.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { configure, fixture } from "./mcp-world.ts";

function connect(stage: Stage, direct = false): LineClient {
  const server = ["node", join(stage.workspace, "server.mjs")];
  return new LineClient(
    direct
      ? stage.startPlain(process.execPath, server.slice(1))
      : stage.startPlain(process.execPath, [
          stage.tool("sandboxed"),
          "mcp",
          "gateway",
          "--name",
          "docs",
          "--",
          ...server,
        ]),
  );
}

describe("sandboxed mcp gateway", () => {
  it("passes what is allowed exactly as it is without it", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage));
      const seen = await Promise.all(
        [true, false].map(async (direct) => {
          const client = connect(stage, direct);
          const answers = [
            await client.ask(1, "initialize", hello),
            await client.ask(2, "tools/list"),
            await client.ask(3, "tools/list", { cursor: "half" }),
            await client.call(4, "image"),
            await client.call(5, "meta", {}),
            await client.call(6, "read", { path: join(stage.workspace, "README.md") }),
            await client.ask(7, "ping"),
          ];
          client.hangUp();
          expect(await client.gone, client.stderr).toBe(0);
          return answers;
        }),
      );
      expect(seen[1]).toEqual(seen[0]);
    }));

  it("sandboxes the server, holds its entry's rules, and writes each call down", () =>
    onStage("self", async (stage) => {
      configure(
        stage,
        fixture(stage, "docs", `disabled_tools = ["write"]\ntools.read.arguments.path = { inside = "${stage.home}" }`),
      );
      const client = connect(stage);
      await client.ask(1, "initialize", hello);
      // Before anybody has asked for a list.
      expect((await client.call(2, "read", { path: join(stage.workspace, "README.md") })).result).toMatchObject({
        content: [{ text: "# project\n" }],
      });
      expect((await client.call(3, "read", { path: join(stage.home, "diary.txt") })).result).toMatchObject({
        isError: true,
      });
      expect((await client.call(4, "read", { path: "/etc/passwd" })).error?.message).toContain(
        "argument path of read cannot be",
      );
      expect((await client.call(5, "write")).error?.message).toContain("not allowed by the entry");
      expect((await client.call(6, "nothing")).error?.message).toContain("has no tool nothing");
      const { result } = await client.ask(7, "tools/list");
      expect(result?.tools?.map(({ name }) => name)).toEqual(["read", "env", "ask"]);
      client.hangUp();
      expect(await client.gone, client.stderr).toBe(0);
      const records: readonly Record<string, unknown>[] = JSON.parse(
        stage.sandboxed(["audit", "show", "last", "--json"]).stdout,
      ).records;
      const calls = records.filter(({ kind }) => kind === "mcp.call");
      expect(calls.map(({ tool, refused }) => [tool, refused === null])).toEqual([
        ["read", true],
        ["read", true],
        ["read", false],
        ["write", false],
        ["nothing", false],
      ]);
      expect(stage.sandboxed(["audit", "verify"]).status).toBe(0);
    }));

  it.each<[what: string, name: string, args: (file: string) => readonly string[], refused: RegExp | null]>([
    ["what is allowed", "docs", (file) => [file], null],
    ["another name", "other", (file) => [file], /no server other is allowed/],
    ["no name", "", (file) => [file], /no server \S+ is allowed/],
    ["an argument more", "docs", (file) => [file, "--evil"], /its argument 2/],
    ["a wrapper", "docs", (file) => ["-e", `import(${JSON.stringify(file)})`], /its argument 1/],
  ])("starts %s by the organisation's list, whatever its client calls it", (_, name, args, refused) =>
    onStage("self", (stage) => {
      fixture(stage);
      const file = join(stage.workspace, "server.mjs");
      const list = `[mcp_server_allowlist.docs]
command = { executable = ${JSON.stringify(process.execPath)}, args = [{ match = "exact", value = ${JSON.stringify(file)} }] }
cwd = ":session"`;
      const words = [...(name === "" ? [] : ["--name", name]), "--", process.execPath, ...args(file)];
      const { status, stdout, stderr } = stage.sandboxed(["mcp", "gateway", ...words], {
        environment: { SANDBOXED_REQUIREMENTS_BASE64: Buffer.from(list).toString("base64") },
        input: `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: hello })}\n`,
      });
      if (refused === null) expect(stdout, stderr).toContain('"serverInfo"');
      else expect([stdout, stderr]).toEqual(["", expect.stringMatching(refused)]);
      expect(status === 0).toBe(refused === null);
    }),
  );

  it("lets nothing pass that two readers could understand differently", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage, "docs", 'disabled_tools = ["write"]'));
      const client = connect(stage);
      await client.ask(1, "initialize", hello);
      const twice = '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"write","name":"env"}}';
      expect(
        (await client.raw(twice, ({ error }) => error?.message.includes("twice") === true)).message.error?.code,
      ).toBe(-32_700);
      const batch = '[{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"write"}}]';
      expect((await client.raw(batch, ({ error }) => error?.code === -32_600)).message.error?.message).toContain(
        "one object",
      );
      const taken = '{"jsonrpc":"2.0","id":"sandboxed-gateway-1","method":"tools/list"}';
      expect((await client.raw(taken, ({ id }) => id === "sandboxed-gateway-1")).message.error?.message).toContain(
        "taken",
      );
      expect((await client.call(4, "env")).result).toBeDefined();
      client.hangUp();
      await client.gone;
    }));

  it("refuses a tool that changed under its client", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage));
      const client = connect(stage);
      await client.ask(1, "initialize", hello);
      await client.ask(2, "tools/list");
      expect((await client.call(3, "read", { path: "/" })).result).toBeDefined();
      await client.call(4, "change");
      expect((await client.call(5, "read", { path: "/" })).error?.message).toContain("no longer what it was");
      expect((await client.ask(6, "tools/list")).result?.tools?.map(({ name }) => name)).not.toContain("read");
      client.hangUp();
      await client.gone;
    }));

  it("ends with its server, and says why one did not start", () =>
    onStage("self", async (stage) => {
      configure(stage, fixture(stage));
      const client = connect(stage);
      await client.ask(1, "initialize", hello);
      void client.call(2, "odd", { path: "exit" });
      expect(await client.gone).toBe(0);
      const missing = stage.sandboxed(["mcp", "gateway", "--", "no-such-server"], { input: "" });
      expect([missing.status, missing.stderr]).toEqual([1, expect.stringContaining("no-such-server")]);
    }));
});
