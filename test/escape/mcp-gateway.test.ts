import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { configure } from "../e2e/mcp-world.ts";
import { callText, GatewayProcess } from "../mcp/gateway-process.ts";
import type { Asked } from "../mcp/gateway-process.ts";
import { Upstream } from "../mcp/gateway-upstream.ts";
import { Stage } from "../stage/index.ts";

let stage: Stage;
let upstream: Upstream;
let gateway: GatewayProcess;

beforeAll(async () => {
  stage = new Stage();
  upstream = await new Upstream().listen();
  const rules = 'disabled_tools = ["write"]\ntools.read.arguments.path = { prefix = "/srv/" }';
  configure(stage, `[mcp_servers.hub]\nurl = "${upstream.url}"\ntool_timeout_sec = 3\n${rules}\n`);
  gateway = await GatewayProcess.start(stage, ["--name", "hub"]);
});
afterAll(async () => {
  expect(await gateway.stop()).toBe(0);
  await upstream.close();
  stage.remove();
});
beforeEach(() => {
  upstream.called.length = 0;
  upstream.left = 0;
});

const allowed = (more: Asked = {}) => gateway.call("read", { path: "/srv/a" }, more);
const reachesUpstream = async (): Promise<void> => {
  upstream.called.length = 0;
  expect((await allowed()).text).toContain('"text":"read"');
  expect(upstream.called).toEqual(["read"]);
};
/** Where the other side has to notice first. */
const eventually = (what: () => unknown, value: unknown) => expect.poll(what, { timeout: 5000 }).toEqual(value);

describe("a tool that may not be called", () => {
  const inBatch = `[${callText("write")}]`;
  it.each<[how: string, body: string | Buffer | null, asked?: Asked]>([
    ["as it is", callText("write")],
    ["with other arguments", callText("read", { path: "/etc/passwd" })],
    ["with an argument in capitals", callText("read", { path: "/srv/a", Path: "/etc/passwd" })],
    ["with an argument in look-alikes", callText("read", { path: "/srv/a", ｐath: "/etc/passwd" })],
    ["a name twice", '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"write"}}'],
    [
      "a name twice, spelled apart",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","n\\u0061me":"write"}}',
    ],
    ["the method twice", '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"write"}}'],
    [
      "the method in capitals besides",
      '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"write"}}',
    ],
    [
      "its parameters with a long s besides",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"},"paramſ":{"name":"write"}}',
    ],
    [
      "its name in capitals besides",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","NAME":"write"}}',
    ],
    ["in escapes", '{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"wr\\u0069te"}}'],
    ["in a batch", inBatch],
    ["in a batch with what is allowed", `[${callText("read", { path: "/srv/a" })},${callText("write", {}, 2)}]`],
    ["without an id", '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"write"}}'],
    ["with a mark at the start", `\u{feff}${callText("write")}`],
    [
      "in UTF-16",
      Buffer.from(callText("write"), "utf16le"),
      { headers: { "content-type": "application/json; charset=utf-16le" } },
    ],
    [
      "in bytes that are no UTF-8",
      Buffer.concat([Buffer.from(callText("write").slice(0, -1)), Buffer.from([0xff, 0x7d])]),
    ],
    ["as text", callText("write"), { headers: { "content-type": "text/plain" } }],
    ["as a form", callText("write"), { headers: { "content-type": "application/x-www-form-urlencoded" } }],
    ["as two types", callText("write"), { headers: { "content-type": ["application/json", "text/plain"] } }],
    ["said to be zipped", callText("write"), { headers: { "content-encoding": "gzip" } }],
    ["nested too deep", callText("read", { path: "/srv/a", deep: JSON.parse(`${"[".repeat(70)}${"]".repeat(70)}`) })],
    [
      "under a header that names it",
      callText("read", { path: "/srv/a" }),
      { headers: { "mcp-method": "tools/call", "mcp-name": "write" } },
    ],
    [
      "under an encoded header that names it",
      callText("read", { path: "/srv/a" }),
      { headers: { "mcp-name": "=?base64?d3JpdGU=?=" } },
    ],
    [
      "under a header of another method",
      '{"jsonrpc":"2.0","id":1,"method":"ping"}',
      { headers: { "mcp-method": "tools/call", "mcp-name": "write" } },
    ],
    ["with an argument in a header", callText("read"), { headers: { "mcp-param-path": "/etc/passwd" } }],
    [
      "with another argument in a header",
      callText("read", { path: "/srv/a" }),
      { headers: { "mcp-param-path": "/etc/passwd" } },
    ],
    ["with a header twice", callText("read", { path: "/srv/a" }), { headers: { "mcp-name": ["read", "write"] } }],
    ["by a GET that says it is a POST", null, { method: "GET", headers: { "x-http-method-override": "POST" } }],
    ["by PUT", callText("write"), { method: "PUT" }],
    ["in what a GET brings along", callText("write"), { method: "GET", headers: { "transfer-encoding": "chunked" } }],
  ])("%s", async (_, body, asked) => {
    const before = upstream.seen.length;
    const { status, text } = await gateway.ask(body, asked);
    expect(JSON.parse(text), text).toMatchObject({ error: { message: expect.stringMatching(/./) } });
    expect([200, 400, 405, 415]).toContain(status);
    expect(upstream.called).toEqual([]);
    // Its own questions for the tools there are, and nothing else.
    for (const { body: seen } of upstream.seen.slice(before)) expect(seen).toContain("sandboxed-gateway-");
  });

  it.each<[how: string, body: string, asked?: Asked]>([
    ["is another's", callText("read", { path: "/srv/a" })],
    ["in escapes", '{"jsonrpc":"2.0","id":1,"method":"tools\\/call","params":{"name":"re\\u0061d"}}'],
    [
      "under the headers of the revision",
      callText("read", { path: "/srv/ä" }),
      {
        headers: { "mcp-method": "tools/call", "mcp-name": "read", "mcp-param-path": "=?base64?L3Nydi/DpA==?=" },
      },
    ],
    ["with an argument in a header", callText("read"), { headers: { "mcp-param-path": "/srv/a" } }],
    ["with its character set", callText("read"), { headers: { "content-type": "application/json; charset=UTF-8" } }],
    ["in pieces", callText("read"), { headers: { "transfer-encoding": "chunked" } }],
  ])("while what may be called %s", async (_, body, asked) => {
    expect((await gateway.ask(body, asked)).text).toContain('"text":"read"');
    expect(upstream.called).toEqual(["read"]);
    expect(upstream.seen.at(-1)?.body).toBe(body);
  });
});

describe("who may ask", () => {
  it.each<[who: string, asked: Asked, status: number]>([
    ["nobody without a token", { headers: { authorization: null } }, 401],
    ["nobody with another token", { headers: { authorization: `Bearer ${"x".repeat(43)}` } }, 401],
    ["nobody with a part of it", { headers: { authorization: "Bearer x" } }, 401],
    ["nobody who guesses the address", { path: "/xxxx/mcp", headers: { authorization: null } }, 401],
    ["no page whose name leads here", { headers: { host: "evil.example" } }, 403],
    ["no page whose name looks alike", { headers: { host: "localhost.evil.example" } }, 403],
    ["no page at all", { headers: { origin: "http://evil.example" } }, 403],
    ["no page of another port", { headers: { origin: "http://localhost:1" } }, 403],
    ["no page without a name", { headers: { origin: "null" } }, 403],
    ["nobody for another path", { path: "/" }, 404],
    ["nobody for a query", { path: "/mcp?x=1" }, 404],
  ])("%s", async (_, asked, status) => {
    const before = upstream.seen.length;
    expect((await allowed(asked)).status).toBe(status);
    expect(upstream.seen.length).toBe(before);
  });

  it("but clients with the token, in a header or in the address", async () => {
    await reachesUpstream();
    const { port, token } = gateway;
    const own = { host: `localhost:${port}`, origin: `http://localhost:${port}` };
    expect((await allowed({ headers: own })).status).toBe(200);
    const address = { path: `/${token}/mcp`, headers: { authorization: "Bearer the-client's-own" } };
    expect((await allowed(address)).status).toBe(200);
    expect(upstream.seen.at(-1)?.headers).toMatchObject({ authorization: "Bearer the-client's-own" });
    await reachesUpstream();
    // The gateway's token is nobody else's.
    expect(JSON.stringify(upstream.seen)).not.toContain(token);
    const last = upstream.seen.at(-1)?.headers;
    expect([last?.authorization, last?.origin, last?.host]).toEqual([undefined, undefined, new URL(upstream.url).host]);
  });
});

it("lets in who knows the token, however many others say nothing", async () => {
  const silent = Array.from({ length: 600 }, () => connect(gateway.port, "127.0.0.1").on("error", () => {}));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await reachesUpstream();
  for (const socket of silent) socket.destroy();
});

describe("requests that two readers would end at different places", () => {
  const text = callText("write");
  const head = (more: string): string =>
    `POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${gateway.token}\r\nContent-Type: application/json\r\n${more}\r\n\r\n`;
  const hidden = (): string => `${head(`Content-Length: ${text.length}`)}${text}`;
  const chunk = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const good = callText("read");
  it.each<[how: string, request: () => string]>([
    ["two lengths", () => `${head(`Content-Length: ${good.length}\r\nContent-Length: 0`)}${good}`],
    [
      "a length and pieces",
      () => `${head(`Content-Length: 4\r\nTransfer-Encoding: chunked`)}${chunk(good)}${hidden()}`,
    ],
    ["pieces of another kind", () => `${head("Transfer-Encoding: chunked, identity")}${chunk(good)}`],
    ["a length with a sign", () => `${head(`Content-Length: +${good.length}`)}${good}`],
    ["two hosts", () => `${head(`Host: evil.example\r\nContent-Length: ${good.length}`)}${good}`],
    ["a line that goes on", () => `${head(`X: a\r\n Content-Length: 0\r\nContent-Length: ${good.length}`)}${good}`],
    ["no host", () => `POST /mcp HTTP/1.1\r\nContent-Length: 0\r\n\r\n`],
  ])("%s: refused, or ended where the gateway says", async (how, request) => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(gateway.port, "127.0.0.1", () => socket.write(request()));
      let got = "";
      socket.setTimeout(1500, () => socket.destroy());
      socket
        .on("data", (data) => (got += String(data)))
        .once("error", reject)
        .once("close", () => resolve(got));
    });
    if (how !== "a line that goes on") expect(answer).toMatch(/^HTTP\/1\.1 4/);
    expect(upstream.called).not.toContain("write");
    for (const { headers, body } of upstream.seen)
      expect([headers["transfer-encoding"], Buffer.byteLength(body)]).toEqual([
        undefined,
        Number(headers["content-length"] ?? 0),
      ]);
  });

  it("while a request that is plain passes, and the next after it", async () => {
    const socket = connect(gateway.port, "127.0.0.1");
    const one = `${head(`Content-Length: ${good.length}`)}${good}`;
    socket.write(one + one);
    let got = "";
    socket.on("data", (data) => (got += String(data)));
    await eventually(() => got.split('"text":"read"').length, 3);
    socket.destroy();
    expect(upstream.called).toEqual(["read", "read"]);
  });
});

describe("a server behind that means no good", () => {
  it.each<[name: string, why: RegExp]>([
    ["elsewhere", /somewhere else/],
    ["flood", /longer than 16777216/],
    ["flood-events", /longer than 16777216/],
    ["flood-lines", /longer than 16777216/],
    ["html", /neither JSON nor events/],
    ["zipped", /encodes/],
    ["odd", /understand differently/],
    ["Go", /understand differently/],
  ])("%s: is named, and left", async (name, why) => {
    const { text } = await gateway.call(name, {}, {});
    expect(text).toMatch(why);
    expect(text).toContain('"id":1');
    expect(text.length).toBeLessThan(1000);
    expect(upstream.called).toEqual([name]);
    await reachesUpstream();
  });

  it("is not waited for longer than its entry says", async () => {
    const { status, text } = await gateway.call("silent");
    expect([status, text]).toEqual([504, expect.stringContaining("in time")]);
    await eventually(() => upstream.left, 1);
    await reachesUpstream();
  });

  it("shows its lists as it was told to, wherever it puts them", async () => {
    const names = (text: string): readonly string[] =>
      JSON.parse(text).result.tools.map(({ name }: { name: string }) => name);
    const listed = (await gateway.ask('{"jsonrpc":"2.0","id":3,"method":"tools/list"}')).text;
    expect(names(listed)).toContain("read");
    expect(names(listed)).not.toContain("write");
    upstream.as = "events";
    const streamed = (await gateway.ask('{"jsonrpc":"2.0","id":3,"method":"tools/list"}')).text;
    upstream.as = "json";
    expect(names(/^data: (.*)$/m.exec(streamed)?.[1] ?? "")).toEqual(names(listed));
    expect(names((await gateway.call("list-as-answer")).text)).toEqual(names(listed));
    const { text } = await gateway.call("events");
    const data = text.split("\n\n").flatMap((event) => /^data: (\{.*)$/m.exec(event)?.[1] ?? []);
    expect(text).not.toContain('"name":"write"');
    expect(data.map((each) => Object.keys(JSON.parse(each).result))).toEqual([["tools"], ["content"]]);
    expect(text).toContain("id: 1\ndata: \n\n");
  });

  it("gets no more than its client reads, and is left when its client leaves", async () => {
    const streams = [await gateway.open(null, { method: "GET" }), await gateway.open(callText("endless"))];
    for (const stream of streams) {
      expect([stream.statusCode, stream.headers["content-type"]]).toEqual([200, "text/event-stream"]);
      await new Promise((resolve) => stream.once("data", resolve));
    }
    await reachesUpstream();
    expect(upstream.left).toBe(0);
    for (const stream of streams) stream.destroy();
    await eventually(() => upstream.left, 2);
  });

  it("cannot send a client past the gateway, nor let a page read", async () => {
    const { headers } = await gateway.ask('{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}');
    expect(headers["mcp-session-id"]).toBe("s-1");
    expect([headers.location, headers["access-control-allow-origin"]]).toEqual([undefined, undefined]);
  });
});

describe("a client that asks for too much", () => {
  it("by a message of 17 MB, and gets an answer to one of 1 MB", async () => {
    const long = callText("read", { path: `/srv/${"x".repeat(17 * 1024 * 1024)}` });
    const refused = await gateway.ask(long).catch(() => null);
    if (refused !== null) expect(refused.status).toBe(413);
    expect(upstream.called).toEqual([]);
    expect((await gateway.call("read", { path: `/srv/${"x".repeat(1024 * 1024)}` })).status).toBe(200);
  });

  it("by more messages at a time than there is memory for, and has room again", async () => {
    const long = callText("read", { path: `/srv/${"x".repeat(15 * 1024 * 1024)}` });
    const head = `POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${gateway.token}\r\nContent-Type: application/json\r\nContent-Length: ${long.length}\r\n\r\n`;
    // Each waits for its last byte.
    const waiting = Array.from({ length: 24 }, () => {
      const socket = connect(gateway.port, "127.0.0.1", () => socket.write(head + long.slice(0, -1)));
      const status = new Promise<string>((resolve) => {
        socket.on("error", () => resolve("")).on("close", () => resolve(""));
        socket.once("data", (data) => resolve(String(data).slice(9, 12)));
      });
      return { socket, status };
    });
    expect(await Promise.race(waiting.map(({ status }) => status))).toMatch(/^(?:503)?$/);
    expect(upstream.called).toEqual([]);
    for (const { socket } of waiting) socket.destroy();
    await eventually(async () => (await gateway.ask(long)).status, 200);
  });

  it("by more streams than there is room for, and has room again", async () => {
    const streams = await Promise.all(Array.from({ length: 128 }, () => gateway.open(null, { method: "GET" })));
    expect((await allowed()).status).toBe(503);
    for (const stream of streams) stream.destroy();
    await eventually(() => upstream.left, 128);
    await reachesUpstream();
  });
});
