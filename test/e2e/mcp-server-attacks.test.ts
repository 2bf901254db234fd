import { request } from "node:http";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bearer, HttpClient, serve } from "../mcp-server/http-client.ts";
import type { Serving } from "../mcp-server/http-client.ts";
import { Stage } from "../stage/index.ts";

interface Sent {
  readonly method?: string;
  readonly path?: string;
  /** Besides those of a call that is in order; null takes one away. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string | Buffer;
}

interface Got {
  readonly status: number;
  readonly text: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

const command = ["sh", "-c", "echo ran >> effect"];

/** A run, asked for in the era that needs no session: in one request, as an attacker would like it. */
function callOf(given: object, more: object = {}): string {
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "x", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const params = { name: "run_command", arguments: given, _meta: meta, ...more };
  return JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
}

describe("sandboxed mcp-server --listen, under attack", () => {
  let stage: Stage;
  let server: Serving;
  beforeAll(async () => {
    stage = new Stage();
    server = await serve(stage);
  });
  afterAll(async () => {
    await server.end();
    stage.remove();
  });

  const send = ({ method = "POST", path = "/mcp", headers = {}, body = callOf({ command }) }: Sent): Promise<Got> => {
    const usual: Record<string, string | null> = {
      ...bearer(server.token),
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": "tools/call",
      "mcp-name": "run_command",
      ...headers,
    };
    const given = Object.entries(usual).flatMap(([name, value]) => (value === null ? [] : [[name, value]]));
    return new Promise((resolve, reject) => {
      const options = { port: new URL(server.url).port, host: "127.0.0.1", method, path };
      const outgoing = request({ ...options, headers: Object.fromEntries(given) }, (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text, headers: incoming.headers }));
        incoming.on("error", reject);
      });
      outgoing.on("error", reject);
      outgoing.end(method === "OPTIONS" ? undefined : body);
    });
  };

  const wrong = "w".repeat(43);
  const spelled = (text: string): string => text.replace('"command":', '"command":["true"],"command":');

  it.each<[what: string, attack: Sent, status: number]>([
    ["no token", { headers: { authorization: null } }, 401],
    ["an empty token", { headers: { authorization: "Bearer " } }, 401],
    ["a wrong token", { headers: bearer(wrong) }, 401],
    ["another scheme", { headers: { authorization: `Basic ${btoa(`x:${wrong}`)}` } }, 401],
    ["the token in the address", { path: "/mcp?access_token=TOKEN", headers: { authorization: null } }, 404],
    ["a name of a page's own choice", { headers: { host: "rebound.example.com" } }, 403],
    ["such a name that looks local", { headers: { host: "localhost.example.com" } }, 403],
    ["the address after a user", { headers: { host: "localhost@example.com" } }, 403],
    ["an address of the network", { headers: { host: "192.168.0.7" } }, 403],
    ["a page of another host", { headers: { origin: "https://example.com" } }, 403],
    ["a page without an origin", { headers: { origin: "null" } }, 403],
    ["a page that looks local", { headers: { origin: "http://localhost.example.com" } }, 403],
    ["a form of a page", { headers: { "content-type": "text/plain" } }, 415],
    ["another path", { path: "/" }, 404],
    ["a question of a browser", { method: "OPTIONS", headers: { origin: "http://localhost:1" } }, 405],
    ["another method", { method: "PUT" }, 405],
    ["no JSON", { body: "{" }, 400],
    ["nothing", { body: "" }, 400],
    ["a name that stands twice", { body: spelled(callOf({ command })) }, 400],
    ["a body deeper than anything meant", { body: `${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}` }, 400],
    ["a body longer than it may be", { body: callOf({ command, stdin: "x".repeat(9 * 1024 * 1024) }) }, 413],
    ["text that is none", { body: Buffer.from(callOf({ command: [...command, "\xFF"] }), "latin1") }, 400],
  ])("%s", async (_, attack, status) => {
    stage.write("effect", "");
    // Who is still sending what is too long finds the connection closed.
    const cut = (error: unknown): Got => ({ status: 413, text: String(error), headers: {} });
    const got = await send(attack).catch(cut);
    expect(got.status, got.text).toBe(status);
    expect(got.headers["access-control-allow-origin"]).toBeUndefined();
    expect(stage.read("effect")).toBe("");
    if (attack.headers !== undefined || attack.path !== undefined) {
      // The same without what makes it one.
      expect((await send({})).status).toBe(200);
      expect(stage.read("effect")).toBe("ran\n");
    }
  });

  it.each([
    ["a name of this machine", { host: "localhost:1" }],
    ["its address", { host: "[::1]:1" }],
    ["a page of this machine, which has no token", { origin: "http://localhost:8080" }],
  ])("takes %s", async (_, headers) => {
    expect((await send({ headers })).status).toBe(200);
  });

  it.each([
    ["a session that nobody opened", () => "A".repeat(43)],
    ["an empty one", () => ""],
  ])("serves nobody in %s", async (_, id) => {
    stage.write("effect", "");
    const headers = { "mcp-session-id": id(), "mcp-protocol-version": "2025-11-25", "mcp-method": null };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "run_command" } });
    expect((await send({ headers, body })).status).toBeGreaterThanOrEqual(400);
    expect(stage.read("effect")).toBe("");
  });

  it("lives through clients that connect and say nothing, or send half", async () => {
    const { port } = new URL(server.url);
    // More than there is room for.
    const sockets = Array.from({ length: 300 }, (_, at) => {
      const socket = connect(Number(port), "127.0.0.1");
      socket.on("error", () => {});
      if (at % 2 === 0) socket.write("POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n");
      return socket;
    });
    await setTimeout(200);
    expect((await send({})).status).toBe(200);
    for (const socket of sockets) socket.destroy();
  });

  it.each([
    ["nothing for a client that was asked, left, and said yes", true],
    ["what a client that stayed has said yes to", false],
  ])("runs %s", async (_, leaves) => {
    stage.write("effect", "");
    let session: string | null = null;
    const post = async (body: object, signal: AbortSignal | null = null): Promise<Response> => {
      const response = await fetch(server.url, {
        method: "POST",
        headers: {
          ...bearer(server.token),
          ...(session !== null && { "mcp-session-id": session }),
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
        },
        body: JSON.stringify({ jsonrpc: "2.0", ...body }),
        signal,
      });
      session ??= response.headers.get("mcp-session-id");
      return response;
    };
    const clientInfo = { name: "x", version: "1" };
    const capabilities = { elicitation: { form: {} } };
    const hello = { protocolVersion: "2025-11-25", capabilities, clientInfo };
    await (await post({ id: 1, method: "initialize", params: hello })).text();
    await post({ method: "notifications/initialized" });
    const leaving = new AbortController();
    const given = { command, permissions: ":workspace" };
    const called = { id: 2, method: "tools/call", params: { name: "run_command", arguments: given } };
    const { body } = await post(called, leaving.signal);
    const reader = body?.pipeThrough(new TextDecoderStream()).getReader();
    const [, question = "{}"] = /^data: (.*)$/m.exec((await reader?.read())?.value ?? "") ?? [];
    const { id, method } = JSON.parse(question);
    expect(method).toBe("elicitation/create");
    if (leaves) leaving.abort();
    // The server is told at once that the connection has gone.
    if (leaves) await setTimeout(200);
    const yes = { action: "accept", content: { approve: true } };
    expect((await post({ id, result: yes })).status).toBe(202);
    if (leaves) await setTimeout(1000);
    else expect((await reader?.read())?.value).toContain('"status":0');
    expect(stage.read("effect")).toBe(leaves ? "" : "ran\n");
  });

  it("makes room for a client's new session, and never that of a run", async () => {
    const busy = await HttpClient.connect(server.url, server.token);
    const slow = busy.call("run_command", { command: ["sh", "-c", "sleep 3; echo whole"] });
    const others: HttpClient[] = [];
    for (let at = 0; at < 40; at++) {
      // oxlint-disable-next-line no-await-in-loop -- the order is what makes the first ones the oldest
      others.push(await HttpClient.connect(server.url, server.token));
    }
    await expect(others[0]?.call("list_profiles")).rejects.toThrow("Session not found");
    expect(await others[39]?.call("list_profiles")).toHaveProperty("structuredContent");
    expect(await slow).toMatchObject({ structuredContent: { stdout: "whole\n" } });
    await Promise.all([busy, ...others].map((client) => client.vanish()));
  });
});

describe("two clients of sandboxed mcp-server --listen", () => {
  it("do not use up each other's memory", async () => {
    const stage = new Stage();
    try {
      const [first = "", second = ""] = ["a", "b"].map((letter) => letter.repeat(43));
      stage.write("tokens", `${first}\n${second}\n`);
      stage.plain("chmod", ["600", "tokens"]);
      const server = await serve(stage, ["--token-file", "tokens"]);
      const body = callOf({ command: ["cat"], stdin: "x".repeat(1024 * 1024 - 1), env: "y".repeat(6 * 1024 * 1024) });
      const post = (token: string, text: string): { readonly socket: Socket; readonly status: Promise<string> } => {
        const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
        const status = new Promise<string>((resolve) => {
          socket.on("error", () => resolve("")).on("close", () => resolve(""));
          socket.once("data", (data) => resolve(String(data).slice(9, 12)));
        });
        const head = [
          "POST /mcp HTTP/1.1",
          "host: localhost",
          `authorization: Bearer ${token}`,
          "content-type: application/json",
          "accept: application/json, text/event-stream",
          "mcp-protocol-version: 2026-07-28",
          "mcp-method: tools/call",
          "mcp-name: run_command",
          `content-length: ${Buffer.byteLength(body)}`,
        ];
        socket.write(`${head.join("\r\n")}\r\n\r\n${text}`);
        return { socket, status };
      };
      // Each waits for its last byte.
      const waiting = Array.from({ length: 40 }, () => post(first, body.slice(0, -1)));
      const refused: string[] = [];
      for (const { status } of waiting) void status.then((text) => refused.push(text));
      await expect.poll(() => refused.length, { timeout: 20_000 }).toBeGreaterThan(30);
      expect(refused.filter((status) => status !== "503" && status !== "")).toEqual([]);
      expect(refused).toContain("503");
      const memory = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`, "utf8"))?.[1]) / 1024;
      expect(memory).toBeLessThan(350);
      const other = post(second, body);
      expect(await other.status).toBe("200");
      for (const { socket } of [...waiting, other]) socket.destroy();
      // What is let go of can be used again.
      const again = post(first, body);
      expect(await again.status).toBe("200");
      again.socket.destroy();
      await server.end();
    } finally {
      stage.remove();
    }
  });

  it("cannot use each other's sessions, be they known or not", async () => {
    const stage = new Stage();
    try {
      const [first, second] = ["a", "b"].map((letter) => letter.repeat(43));
      stage.write("tokens", `${first}\n${second}\n`);
      stage.plain("chmod", ["600", "tokens"]);
      const server = await serve(stage, ["--token-file", "tokens"]);
      const owner = await HttpClient.connect(server.url, first ?? "");
      const use = async (token: string | undefined, method: string): Promise<number> => {
        const response = await fetch(server.url, {
          method,
          headers: {
            ...bearer(token ?? ""),
            "mcp-session-id": owner.session ?? "",
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
          },
          body: method === "POST" ? JSON.stringify({ jsonrpc: "2.0", id: 9, method: "tools/list" }) : null,
        });
        await response.body?.cancel();
        return response.status;
      };
      for (const method of ["POST", "GET", "DELETE"]) {
        // oxlint-disable-next-line no-await-in-loop -- the last of them would end it
        expect(await use(second, method), method).toBe(404);
      }
      expect(await use(first, "POST")).toBe(200);
      expect(await use(first, "DELETE")).toBe(200);
      expect(await use(first, "POST")).toBe(404);
      await server.end();
    } finally {
      stage.remove();
    }
  });
});
