import { describe, expect, it } from "vitest";
import type { LocalTool } from "../../src/session/local-tools.ts";
import { Line, withChannel } from "./channel.ts";

const echo: LocalTool = { name: "echo", run: (given) => given };
const hello = (token: string): string =>
  `${JSON.stringify({ jsonrpc: "2.0", id: "h", method: "session.hello", params: { token } })}\n`;
const ping = (id: unknown): string => `${JSON.stringify({ jsonrpc: "2.0", id, method: "session.ping" })}\n`;

describe("lines", () => {
  const strange: readonly (readonly [name: string, sent: string, codes: readonly string[]])[] = [
    ["no JSON", "{no\n", ["parse_error"]],
    ["a name twice", '{"jsonrpc":"2.0","id":1,"id":2,"method":"session.ping"}\n', ["parse_error"]],
    [
      "a name twice in two spellings",
      '{"jsonrpc":"2.0","id":1,"method":"session.ping","params":{"a":1,"\\u0061":2}}\n',
      ["parse_error"],
    ],
    ["no UTF-8", '{"jsonrpc":"2.0","id":1,"method":"\xff"}\n', ["parse_error"]],
    ["100,000 levels", `${"[".repeat(100_000)}\n`, ["parse_error"]],
    ["no id", '{"jsonrpc":"2.0","method":"session.ping"}\n', ["invalid_request"]],
    ["an id that is null", '{"jsonrpc":"2.0","id":null,"method":"session.ping"}\n', ["invalid_request"]],
    ["another version", '{"jsonrpc":"1.0","id":1,"method":"session.ping"}\n', ["invalid_request"]],
    ["another member", '{"jsonrpc":"2.0","id":1,"method":"session.ping","token":"x"}\n', ["invalid_request"]],
    ["parameters in a list", '{"jsonrpc":"2.0","id":1,"method":"session.ping","params":[]}\n', ["invalid_params"]],
    ["unknown parameters", '{"jsonrpc":"2.0","id":1,"method":"session.ping","params":{"x":1}}\n', ["invalid_params"]],
    ["an unknown method", '{"jsonrpc":"2.0","id":1,"method":"session.pong"}\n', ["method_not_found"]],
    ["an inherited name", '{"jsonrpc":"2.0","id":1,"method":"constructor"}\n', ["method_not_found"]],
    ["an empty batch", "[]\n", ["invalid_request"]],
    ["a batch", `[${ping(1).trim()},${ping(2).trim()},5]\n`, ["ok", "ok", "invalid_request"]],
    ["blank lines", "\n\r\n\n", []],
  ];
  it.each(strange)("%s: each request has one answer, and the next is served", (_, sent, codes) =>
    withChannel([], async ({ port, token }) => {
      const line = await Line.open(port, token);
      line.answers.length = 0;
      line.socket.write(Buffer.from(sent, "latin1"));
      await line.call("session.ping");
      await line.until(() => line.answers.length >= codes.length + 1);
      const got = line.answers
        .slice(0, -1)
        .map(({ error }) => (error === undefined ? "ok" : String(error.data["code"])));
      expect(got.toSorted()).toEqual([...codes].toSorted());
      line.socket.destroy();
    }),
  );

  it("an open id cannot be used again; a closed one can", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const call = { jsonrpc: "2.0", id: 7, method: "session.tool", params: { name: "wait" } };
        line.socket.write(`${JSON.stringify(call)}\n${ping(7)}`);
        await line.until(() => line.answers.filter(({ id }) => id === 7).length === 2);
        expect(line.answers.filter(({ id }) => id === 7).map(({ error }) => error?.data["code"])).toEqual([
          "invalid_request",
          undefined,
        ]);
        line.socket.write(ping(7));
        await line.until(() => line.answers.filter(({ id }) => id === 7).length === 3);
        line.socket.destroy();
      },
      { tools: [{ name: "wait", run: () => new Promise((done) => setTimeout(() => done("done"), 50)) }] },
    ));

  it("a burst of 10,000 requests has 10,000 answers", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        line.answers.length = 0;
        const requests = Array.from({ length: 10_000 }, (_, id) =>
          JSON.stringify({ jsonrpc: "2.0", id, method: "session.tool", params: { name: "echo", arguments: { id } } }),
        );
        line.socket.write(`${requests.join("\n")}\n`);
        await line.until(() => line.answers.length >= 10_000);
        expect(new Set(line.answers.map(({ id }) => id)).size).toBe(10_000);
        expect(line.answers.every(({ result }) => result !== undefined)).toBe(true);
        line.socket.destroy();
      },
      { tools: [echo] },
    ));

  it("one that does not read is not read on for ever, and others are served", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const greedy = await Line.open(port, token);
        greedy.socket.pause();
        const big = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session.tool", params: { name: "big" } });
        for (let id = 0; id < 3000; id++) greedy.socket.write(`${big.replace('"id":1', `"id":${id}`)}\n`);
        const other = await Line.open(port, token);
        expect(await other.code("session.ping")).toBe("ok");
        greedy.socket.resume();
        await greedy.until(() => greedy.answers.length >= 3001);
        greedy.socket.destroy();
        other.socket.destroy();
      },
      { tools: [{ name: "big", run: () => "x".repeat(10_000) }] },
    ));

  it("a caller that is gone has its calls given up within a second", () => {
    let reason: unknown = null;
    return withChannel(
      ["tools=*"],
      async ({ port, token, channel }) => {
        const line = await Line.open(port, token);
        line.socket.write(
          `${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "session.tool", params: { name: "wait" } })}\n`,
        );
        while (channel.openCalls === 0) await new Promise((done) => setTimeout(done, 5));
        line.socket.resetAndDestroy();
        const began = performance.now();
        while (channel.openCalls > 0) await new Promise((done) => setTimeout(done, 5));
        expect(performance.now() - began).toBeLessThan(1500);
        expect(reason).toMatchObject({ code: "cancelled" });
      },
      {
        tools: [
          {
            name: "wait",
            run: (_, { signal }) =>
              new Promise(() => {
                signal.addEventListener("abort", () => {
                  reason = signal.reason;
                });
              }),
          },
        ],
      },
    );
  });

  const unwelcome: readonly (readonly [name: string, sent: (token: string) => string])[] = [
    ["a request without a token", () => ping(1)],
    ["a wrong token", () => hello(`sbx_${"A".repeat(43)}`)],
    ["a token cut short", (token) => hello(token.slice(0, -1))],
    ["no token at all", () => hello("")],
    ["a list", (token) => `[${hello(token).trim()}]\n`],
    ["what is no JSON", () => "{{{\n"],
    ["a greeting of a megabyte", (token) => `{"x":"${"y".repeat(1024 * 1024)}"}\n${hello(token)}`],
  ];
  it.each(unwelcome)("%s ends the connection", (_, sent) =>
    withChannel([], async ({ port, token }) => {
      const line = new Line(port);
      line.socket.write(sent(token) + ping("after"));
      await line.until(() => line.closed);
      // What does not even start like a request is answered as HTTP.
      expect(line.answers.every(({ result }) => result === undefined)).toBe(true);
      expect(line.answers.some(({ id }) => id === "after")).toBe(false);
      const good = await Line.open(port, token);
      expect(await good.code("session.ping")).toBe("ok");
      good.socket.destroy();
    }),
  );

  it("a request over the limit is refused, one below it is served", () =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        expect(await line.code("session.tool", { name: "echo", arguments: { x: "y".repeat(50_000) } })).toBe("ok");
        line.socket.write(`{"x":"${"y".repeat(200_000)}"}\n`);
        await line.until(() => line.closed);
        expect(line.answers.at(-1)?.error?.data["code"]).toBe("too_large");
      },
      { tools: [echo], limits: { requestBytes: 100_000 } },
    ));
});

describe("HTTP", () => {
  const post = (port: number, path: string, headers: Record<string, string>, body = "{}") =>
    fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body });
  const json = { "content-type": "application/json" };

  it("serves the same methods", () =>
    withChannel(
      ["tools=*", "memory=notes"],
      async ({ port, token }) => {
        const headers = { ...json, authorization: `Bearer ${token}` };
        const answer = await post(port, "/v1/session.tool", headers, '{"name":"echo","arguments":{"a":1}}');
        expect([answer.status, await answer.json()]).toMatchObject([200, { structuredContent: { a: 1 } }]);
        const refused = await post(port, "/v1/session.memory.get", headers, '{"key":"other"}');
        expect([refused.status, await refused.json()]).toMatchObject([
          403,
          { error: { data: { code: "not_granted", capability: "memory=other", rule: "grant g1 has memory=notes" } } },
        ]);
      },
      { tools: [echo] },
    ));

  const refused: readonly (readonly [
    name: string,
    path: string,
    headers: (token: string) => Record<string, string>,
    body: string,
    status: number,
  ])[] = [
    ["no token", "/v1/session.ping", () => json, "{}", 401],
    ["a wrong token", "/v1/session.ping", () => ({ ...json, authorization: "Bearer x" }), "{}", 401],
    [
      "a page of the web",
      "/v1/session.ping",
      (token) => ({ ...json, authorization: `Bearer ${token}`, origin: "http://127.0.0.1" }),
      "{}",
      401,
    ],
    [
      "text",
      "/v1/session.ping",
      (token) => ({ "content-type": "text/plain", authorization: `Bearer ${token}` }),
      "{}",
      400,
    ],
    ["another path", "/v1/session.ping/x", (token) => ({ ...json, authorization: `Bearer ${token}` }), "{}", 404],
    ["an unknown method", "/v1/session.nothing", (token) => ({ ...json, authorization: `Bearer ${token}` }), "{}", 404],
    [
      "a name twice",
      "/v1/session.ping",
      (token) => ({ ...json, authorization: `Bearer ${token}` }),
      '{"a":1,"a":2}',
      400,
    ],
    [
      "a large body",
      "/v1/session.ping",
      (token) => ({ ...json, authorization: `Bearer ${token}` }),
      `{"a":"${"b".repeat(200_000)}"}`,
      413,
    ],
  ];
  it.each(refused)("refuses %s", (_, path, headers, body, status) =>
    withChannel(
      [],
      async ({ port, token }) => {
        expect((await post(port, path, headers(token), body)).status).toBe(status);
        expect((await post(port, "/v1/session.ping", { ...json, authorization: `Bearer ${token}` })).status).toBe(200);
      },
      { limits: { requestBytes: 100_000 } },
    ),
  );
});
