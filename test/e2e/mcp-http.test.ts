import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { McpServers } from "../../src/mcp/index.ts";
import { startBad } from "../mcp/bad-http-server.ts";
import { listen, startEverything, startModern } from "../mcp/http-servers.ts";
import type { Listening } from "../mcp/http-servers.ts";
import { onStage } from "../stage/index.ts";
import type { Stage } from "../stage/index.ts";
import { built, configure, openOn } from "./mcp-world.ts";

const entry = (url: string, lines = ""): string => `[mcp_servers.hub]\nurl = "${url}"\n${lines}\n`;
const signal = new AbortController().signal;

function withServers(
  text: string,
  act: (servers: McpServers, stage: Stage) => Promise<void>,
  more: Parameters<typeof openOn>[1] = {},
): Promise<void> {
  return onStage("self", async (stage) => {
    configure(stage, text);
    const { servers } = await openOn(stage, { grace: 10_000, ...more });
    try {
      await act(servers, stage);
    } finally {
      await servers.close();
    }
  });
}

async function call(servers: McpServers, name: string, given: unknown, more = {}): Promise<unknown> {
  return servers.call(await servers.find(name), given, {}, { signal, ...more });
}

const echo = (servers: McpServers): Promise<unknown> => call(servers, "mcp.hub.echo", { message: "hi" });
const echoed = { content: [{ type: "text", text: "Echo: hi" }] };

describe("a real server over streamable HTTP", () => {
  let server: Listening;
  beforeAll(async () => {
    server = await startEverything();
  });
  afterAll(() => server.close());

  it("answers by the rules of the door, tells its progress, and draws for those who can see", () =>
    withServers(entry(server.url), async (servers) => {
      expect(await echo(servers)).toEqual(echoed);
      const progress: number[] = [];
      const onProgress = ({ progress: at }: { progress: number }): void => void progress.push(at);
      const long = { duration: 0.3, steps: 3 };
      await call(servers, "mcp.hub.trigger-long-running-operation", long, { onProgress });
      expect(progress).toEqual([1, 2, 3]);

      const { mcp } = await built();
      const seen = async (acceptsImages: boolean) => {
        const ask = () => Promise.reject(new Error("nobody is asked"));
        const context = {
          signal,
          session: "s",
          call: "c",
          holder: "h",
          acceptsImages,
          meta: null,
          progress: null,
          ask,
          delegate: () => "",
        };
        const { content } = await mcp.sessionTools(servers, null).call("mcp.hub.get-tiny-image", {}, context);
        return content;
      };
      expect(await seen(true)).toContainEqual({
        type: "image",
        mimeType: "image/png",
        data: expect.stringMatching(/^iVBOR/),
      });
      expect(await seen(false)).toContainEqual({
        type: "text",
        text: "<image content omitted because you do not support image input>",
      });
      expect(JSON.stringify(await seen(false))).not.toContain("iVBOR");
    }));

  it.each<[string, string, RegExp | null]>([
    ["nothing", "", null],
    ["another host", '[network]\ndenied_domains = ["example.com"]\n', null],
    ["its host", '[network]\ndenied_domains = ["127.0.0.1"]\n', /MCP server hub: .*127\.0\.0\.1/],
    ["every network", "[network]\nenabled = false\n", /MCP server hub: /],
  ])("where the organisation refuses %s", (_, requirements, refused) =>
    withServers(
      entry(server.url),
      async (servers) => {
        if (refused === null) expect(await echo(servers)).toEqual(echoed);
        else await expect(echo(servers)).rejects.toThrow(refused);
      },
      { requirements },
    ),
  );
});

describe("a server that goes and comes back", () => {
  it("is lost by name, waited for longer each time, and found again under a new session", async () => {
    let server = await startEverything();
    try {
      await withServers(entry(server.url), async (servers) => {
        expect(await echo(servers)).toEqual(echoed);
        // Back before anybody noticed: its old session is gone with it.
        await server.close();
        server = await startEverything(server.port);
        expect(await echo(servers)).toEqual(echoed);

        await server.close();
        // What the old connection was told of that is read first.
        await new Promise((done) => setTimeout(done, 50));
        const waits: number[] = [];
        for (let at = 0; at < 3; at++) {
          const began = performance.now();
          // oxlint-disable-next-line no-await-in-loop -- one after the other is what is measured
          await expect(echo(servers)).rejects.toThrow(/MCP server hub: .*ECONNREFUSED/);
          waits.push(performance.now() - began);
        }
        expect(waits[2]).toBeGreaterThan(Math.max(400, waits[1] ?? 0));
        server = await startEverything(server.port);
        expect(await echo(servers)).toEqual(echoed);
      });
    } finally {
      await server.close();
    }
  }, 20_000);
});

describe("a server of the era without a handshake", () => {
  it.each<[protocol: string, works: boolean]>([
    ["2026-07-28", true],
    ["auto", true],
    ["legacy", false],
  ])("protocol = %j", async (protocol, works) => {
    const server = await startModern();
    try {
      await withServers(entry(server.url, `protocol = "${protocol}"`), async (servers) => {
        if (works) expect(await echo(servers)).toMatchObject({ content: [{ text: "Modern: hi" }] });
        else await expect(echo(servers)).rejects.toThrow("MCP server hub");
      });
    } finally {
      await server.close();
    }
  });
});

describe("a server that sends its client somewhere else", () => {
  it("sends it nowhere", async () => {
    const asked: string[] = [];
    const other = await listen((request) => {
      asked.push(request.url);
      return Promise.resolve(new Response("{}"));
    });
    const server = await listen(() => Promise.resolve(Response.redirect(other.url, 307)));
    try {
      await withServers(entry(server.url), async (servers) => {
        await expect(echo(servers)).rejects.toThrow("MCP server hub");
      });
      expect(asked).toEqual([]);
      await withServers(entry(other.url), async (servers) => {
        await expect(echo(servers)).rejects.toThrow("MCP server hub");
      });
      expect(asked.length).toBeGreaterThan(0);
    } finally {
      await Promise.all([other.close(), server.close()]);
    }
  });
});

describe("a bad server at an address is bounded and named", () => {
  it.each<[how: string, refused: RegExp | null]>([
    ["good", null],
    ["odd events", null],
    ["tells", null],
    ["asks", /MCP server hub: it has 200 answers to its questions unread/],
    ["hang", /MCP server hub: .*timed out/],
    ["close", /MCP server hub: /],
    ["cut", /MCP server hub: /],
    ["deep", /MCP server hub: .*levels/],
    ["twice", /MCP server hub: .*twice/],
    ["large", /MCP server hub: a message is longer than 16777216 bytes/],
    ["error page", /MCP server hub: a message is longer than 262144 bytes/],
    ["large event", /MCP server hub: a message is longer than 16777216 bytes/],
    ["flood of odd events", /MCP server hub: 100 events of the server's were no messages/],
  ])("that answers: %s", async (how, refused) => {
    const server = await startBad();
    try {
      await withServers(entry(server.url, "tool_timeout_sec = 3"), async (servers) => {
        const still = { content: [{ text: "still here" }] };
        const began = performance.now();
        const answer = call(servers, "mcp.hub.odd", { how });
        if (refused === null) expect(await answer).toMatchObject(still);
        else await expect(answer).rejects.toThrow(refused);
        expect(performance.now() - began).toBeLessThan(10_000);
        expect(server.taken()).toBeLessThan(40 * 1024 * 1024);
        expect(await call(servers, "mcp.hub.odd", { how: "good" })).toMatchObject(still);
      });
    } finally {
      await server.close();
    }
  });
});
