import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { serveHttp } from "../../src/mcp-server/http/serve.ts";
import type { Orchestrator } from "../../src/mcp-server/index.ts";
import { bearer } from "./http-client.ts";

const token = "t".repeat(43);

const nobody = (): Promise<never> => Promise.reject(new Error("nothing is run here"));
const unasked: Orchestrator = {
  approvalFor: nobody,
  run: nobody,
  explain: nobody,
  profiles: nobody,
  session: nobody,
};

/** One request of the era with sessions. */
function ask(url: string, session: string | null, method: string, params: object = {}): Promise<Response> {
  return fetch(url, {
    method: method === "" ? "GET" : "POST",
    headers: {
      ...bearer(token),
      ...(session !== null && { "mcp-session-id": session }),
      "content-type": "application/json",
      accept: method === "" ? "text/event-stream" : "application/json, text/event-stream",
    },
    body: method === "" ? null : JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
}

async function begin(url: string): Promise<string> {
  const clientInfo = { name: "x", version: "1" };
  const answer = await ask(url, null, "initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo });
  await answer.text();
  return answer.headers.get("mcp-session-id") ?? "";
}

describe("a session over HTTP", () => {
  it("ends after a while without requests, and not while its client listens", async () => {
    const idle = 400;
    const server = await serveHttp(() => unasked, { host: "127.0.0.1", port: 0, tokens: [token], idle });
    const { url } = server;
    try {
      const [left, listening, used] = await Promise.all([begin(url), begin(url), begin(url)]);
      const stream = await ask(url, listening, "");
      expect(stream.status).toBe(200);
      for (let at = 0; at < 4; at++) {
        // oxlint-disable-next-line no-await-in-loop -- time has to pass
        await setTimeout(idle / 2);
        // oxlint-disable-next-line no-await-in-loop -- as above
        expect((await ask(url, used, "ping")).status).toBe(200);
      }
      expect((await ask(url, left, "ping")).status).toBe(404);
      expect((await ask(url, listening, "ping")).status).toBe(200);
      await stream.body?.cancel();
      await setTimeout(idle * 2);
      expect((await ask(url, listening, "ping")).status).toBe(404);
    } finally {
      await server.close();
    }
    await expect(ask(url, null, "ping")).rejects.toThrow();
  });
});
