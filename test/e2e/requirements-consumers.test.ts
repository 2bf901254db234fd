import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo, Server, Socket } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { RequiringMachine } from "../stage/required.ts";
import { aSecond } from "../stage/a-second.ts";

let machine: RequiringMachine;
let server: Server;
let port: number;
const sockets = new Set<Socket>();
/** What programs have said to the server. */
let heardBytes = 0;

/** By then a program that was started before has its connection. */
async function connected(): Promise<void> {
  const before = heardBytes;
  await expect.poll(() => heardBytes, { timeout: 8000, interval: 10 }).toBeGreaterThan(before + 1);
}

beforeAll(async () => {
  machine = new RequiringMachine();
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("data", ({ length }) => (heardBytes += length));
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on TCP
  ({ port } = server.address() as AddressInfo);
});

afterEach(() => machine.require(null));

afterAll(() => {
  machine.remove();
  for (const socket of sockets) socket.destroy();
  server.close();
});

/** Keeps one connection: says `up` when it has one, `cut` when it loses it, `no` when it gets no other, then goes on. */
const keeping = (seconds: number, ending = ""): string => `
import signal, socket, time
${ending}
kept, end = None, time.time() + ${seconds}
while time.time() < end:
    try:
        if kept is None:
            fresh = socket.create_connection(("127.0.0.1", ${port}), 1); fresh.settimeout(1); fresh.send(b"x")
            if fresh.recv(1) != b"x": raise OSError
            kept = fresh; print("up", flush=True)
        kept.send(b"x")
        if kept.recv(1) != b"x": raise OSError
        time.sleep(0.02)
    except OSError:
        print("no" if kept is None else "cut", flush=True)
        if kept is None: time.sleep(0.2)
        kept = None
print("over", flush=True)
`;

const denying = (): string => `[network]\ndenied_domains = ["127.0.0.1:${port}"]\n`;
const elsewhere = '[network]\ndenied_domains = ["paste.example"]\n';

/** What somebody prints, line by line. */
class Heard {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.child = child;
    this.ended = once(child, "close");
    let rest = "";
    const take = (chunk: Buffer): void => {
      const all = (rest + String(chunk)).split("\n");
      rest = all.pop() ?? "";
      this.lines.push(...all);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
  }

  async until(...lines: readonly string[]): Promise<void> {
    await expect.poll(() => this.lines.join("\n"), { timeout: 8000, interval: 10 }).toMatch(lines.join("\n"));
  }
}

function library(seconds: number, mode: string, ending = ""): Heard {
  const { stage } = machine;
  const writable = join(stage.folder, "data");
  mkdirSync(writable, { recursive: true });
  const entry = join(process.env["SANDBOXED_TEST_TOOL"] ?? "", "dist/index.js");
  const host = join(import.meta.dirname, "../stage/held-run.mjs");
  const words = [host, entry, String(port), keeping(seconds, ending), writable, mode];
  return new Heard(stage.startPlain(process.execPath, words));
}

/** Milliseconds from the change to the line. */
async function timed(heard: Heard, text: string, line: string): Promise<number> {
  const began = performance.now();
  machine.require(text);
  await heard.until(line);
  return performance.now() - began;
}

const deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)";

describe("a program that uses the library", () => {
  it("is held within a second to what comes to be required where nothing was, and cannot open its door again", async () => {
    const heard = library(3, "door");
    await heard.until("up");
    expect(await timed(heard, denying(), "cut")).toBeLessThan(aSecond);
    await heard.until("change narrowed");
    heard.child.stdin?.write("\n");
    await heard.until("restored false", "no");
    heard.child.stdin?.end();
    await heard.ended;
    expect(heard.lines.filter((line) => line === "up")).toHaveLength(1);
    expect(heard.lines.at(-1)).toBe('{"status":0,"limit":null}');
  });

  it("goes on when what is required does not concern it", async () => {
    machine.require("# nothing\n");
    const heard = library(1.5, "");
    await heard.until("up");
    machine.require(elsewhere);
    await heard.until("change narrowed");
    machine.require("# nothing any more\n");
    await heard.ended;
    expect(heard.lines).toEqual(["up", "change narrowed", "change unchanged", "over", '{"status":0,"limit":null}']);
  });

  it("has its program ended when that has what is forbidden, even if it does not want to end", async () => {
    machine.require("# nothing\n");
    const heard = library(20, "", deaf);
    await heard.until("up");
    const text = `[permissions.filesystem]\ndeny_write = ["${join(machine.stage.folder, "data")}"]\n`;
    expect(await timed(heard, text, '"limit":"requirements"')).toBeLessThan(2 * aSecond);
    expect(heard.lines).toEqual(["up", "change ended", '{"status":137,"limit":"requirements"}']);
  });

  it.each([
    ["what has changed", denying, ["prepared", "stale"]],
    ["what has not", () => "# nothing\n", ["prepared", "up", "over", '{"status":0,"limit":null}']],
  ])("starts no launch that was prepared by %s since", async (_, text, lines) => {
    machine.require("# nothing\n");
    const heard = library(0.5, "late");
    await heard.until("prepared");
    machine.require(text());
    heard.child.stdin?.end("\n");
    await heard.ended;
    expect(heard.lines).toEqual(lines);
  });
});

describe("the command", () => {
  const run = (seconds: number, words: readonly string[] = [], ending = ""): Heard =>
    new Heard(
      machine.stage.start(["--host-port", String(port), ...words, "--", "python3", "-c", keeping(seconds, ending)]),
    );

  it("holds a run within a second to what comes to be required where nothing was", async () => {
    const heard = run(2);
    await heard.until("up");
    expect(await timed(heard, denying(), "cut")).toBeLessThan(aSecond);
    await heard.ended;
    expect([heard.child.exitCode, heard.lines.filter((line) => line === "up")]).toEqual([0, ["up"]]);
    expect(heard.lines.join("\n")).toContain("what they forbid now holds");
  });

  it("ends a run that may not go on, and says so by status and report", async () => {
    const { stage } = machine;
    machine.require("# nothing\n");
    const heard = run(20, ["-w", stage.outside, "--report", "report.json"], deaf);
    await heard.until("up");
    machine.require(`[permissions.filesystem]\ndeny_read = ["${stage.outside}"]\n`);
    await heard.ended;
    expect(heard.child.exitCode).toBe(137);
    expect(JSON.parse(stage.read("report.json") ?? "")).toMatchObject({ status: 137, limit: { name: "requirements" } });
    expect(heard.lines.join("\n")).toContain("could not start any more");
  });
});

describe("a run of sandboxed mcp-server", () => {
  /** The result of one that lasts so long, changed while it has its connection. */
  async function resultOf(seconds: number, text: string): Promise<string> {
    const { stage } = machine;
    const words = [stage.tool("sandboxed"), "mcp-server", "--host-port", String(port)];
    const client = new Heard(stage.startPlain(process.execPath, words));
    const say = (message: object): void =>
      void client.child.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const about = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "0" } };
    say({ id: 1, method: "initialize", params: about });
    await client.until('"id":1');
    say({ method: "notifications/initialized" });
    const call = { name: "run_command", arguments: { command: ["python3", "-c", keeping(seconds)] } };
    say({ id: 2, method: "tools/call", params: call });
    await connected();
    machine.require(text);
    await client.until('"id":2');
    client.child.stdin?.end();
    await client.ended;
    return client.lines.find((line) => line.includes('"id":2')) ?? "";
  }

  it("is held to what comes to be required, which its result says", async () => {
    const result = await resultOf(1.8, denying());
    expect(result).toContain("cut\\nno\\n");
    expect(result).toContain("what they forbid now holds");
  });

  it("keeps its connection when that is not forbidden", async () => {
    expect(await resultOf(1.2, elsewhere)).toContain("up\\nover\\n");
  });
});

describe("a program that is spawned", () => {
  const script = (seconds: number): string => `
import json, sandboxed
session = sandboxed.connect()
def spawn(seconds): return session.spawn(["python3", "-c", ${JSON.stringify(keeping(9).replace("+ 9", "+ SECONDS"))}.replace("SECONDS", str(seconds))], [])["stdout"].split()
print("begun", flush=True)
print("first", *sorted(set(spawn(${seconds}))), flush=True)
print("second", *sorted(set(spawn(0.5))), flush=True)
`;

  it.each([
    ["takes", denying, ["first cut no over up", "second no over"]],
    ["leaves alone", () => elsewhere, ["first over up", "second over up"]],
  ])("%s what comes to be required, as does the next", async (_, text, lines) => {
    const { stage } = machine;
    machine.require("# nothing\n");
    stage.write("spawning.py", script(2));
    const words = ["--host-port", String(port), "--grant", "agents=5", "spawning.py"];
    const heard = new Heard(stage.start(words));
    await heard.until("begun");
    await connected();
    machine.require(text());
    await heard.ended;
    expect(
      heard.lines.filter((line) => /^(first|second)/.test(line)),
      heard.lines.join("\n"),
    ).toEqual(lines);
    expect(heard.child.exitCode).toBe(0);
  });
});
