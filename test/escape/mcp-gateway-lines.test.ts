import { cpSync, readFileSync } from "node:fs";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { configure } from "../e2e/mcp-world.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";

const COUNT = 150;
const data = "y".repeat(1024 * 1024);

interface Relay {
  readonly child: ChildProcess;
  readonly lines: string[];
  readonly gone: Promise<number | null>;
  readonly said: () => string;
  readonly send: (message: object) => void;
  /** Of the gateway, in MiB. */
  readonly memory: () => number;
}

/** A gateway before a server that misbehaves, once that one has begun. */
async function relay(stage: Stage, mode: string, entry = ""): Promise<Relay> {
  const server = join(stage.workspace, "server.mjs");
  cpSync(new URL("../mcp/loud-server.mjs", import.meta.url).pathname, server);
  configure(stage, `[mcp_servers.loud]\ncommand = "node"\n${entry}`);
  const words = ["mcp", "gateway", "--name", "loud", "--", "node", server, mode, String(COUNT)];
  const child = stage.startPlain(process.execPath, [stage.tool("sandboxed"), ...words]);
  const { stdin, stdout, stderr, pid } = child;
  if (stdin === null || stdout === null || stderr === null) throw new Error("no streams");
  let said = "";
  stderr.on("data", (chunk) => (said += String(chunk)));
  stdin.on("error", () => {}); // a gateway that ends reads no more
  const lines: string[] = [];
  const read = createInterface({ input: stdout }).on("line", (line) => lines.push(line));
  const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const send = (message: object): void => void stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  send({ method: "start" });
  await new Promise((resolve) => read.once("line", resolve));
  const memory = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  return { child, lines, gone, said: () => said, send, memory };
}

const most = async (measure: () => number): Promise<number> => {
  let found = 0;
  for (let at = 0; at < 15; at++) {
    found = Math.max(found, measure());
    // oxlint-disable-next-line no-await-in-loop -- a moment later
    await setTimeout(100);
  }
  return found;
};

describe("sandboxed mcp gateway on standard streams", () => {
  it("holds little of what a client does not read, and all of it arrives", () =>
    onStage("self", async (stage) => {
      const { child, lines, gone, memory } = await relay(stage, "floods");
      child.stdout?.pause();
      expect(await most(memory)).toBeLessThan(130);
      child.stdout?.resume();
      await expect.poll(() => lines.length, { timeout: 30_000 }).toBe(COUNT + 1);
      expect(lines.every((line, at) => at === 0 || line.length > data.length)).toBe(true);
      child.stdin?.end();
      expect(await gone).toBe(0);
    }));

  it("holds little of what a server reads late, and all of it arrives", () =>
    onStage("self", async (stage) => {
      const { child, lines, gone, send, memory } = await relay(stage, "late");
      for (let at = 0; at < COUNT; at++) send({ method: "notifications/x", params: { data } });
      expect(await most(memory)).toBeLessThan(130);
      await expect.poll(() => lines.at(-1), { timeout: 30_000 }).toContain(`"read":${COUNT}`);
      child.stdin?.end();
      expect(await gone).toBe(0);
    }));

  it("leaves a server that reads nothing", () =>
    onStage("self", async (stage) => {
      const { gone, send, said } = await relay(stage, "deaf", "tool_timeout_sec = 2\n");
      for (let at = 0; at < COUNT; at++) send({ method: "notifications/x", params: { data } });
      expect(await gone).toBe(1);
      expect(said()).toContain("reads nothing for 2 s");
    }));

  it("waits no longer than its entry says for tools that a call needs, and serves on", () =>
    onStage("self", async (stage) => {
      const { child, lines, gone, send } = await relay(stage, "lists nothing", "startup_timeout_sec = 1\n");
      send({ id: 1, method: "tools/call", params: { name: "read" } });
      send({ id: 2, method: "ping" });
      await expect
        .poll(() => lines.slice(1), { timeout: 10_000 })
        .toEqual([expect.stringContaining("does not say in time"), expect.stringContaining('"id":2')]);
      send({ id: 3, method: "tools/call", params: { name: "read" } });
      child.stdin?.end();
      expect(await gone).toBe(0);
    }));
});
