import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { dial, isFailure } from "../../../src/network/upstream/dial.ts";
import { upstreamFrom } from "../../../src/network/upstream/environment.ts";
import { listen, openOrigin, openSink, openStand, Wire } from "../door/stand.ts";

const connect = (host: string, port: number): string =>
  `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;

describe("the broker's proxy variables", () => {
  const proxy = { kind: "http", host: "proxy.corp", port: 3128, user: null, password: "" };
  it.each([
    ["none", {}, "good.test", null],
    ["all", { ALL_PROXY: "http://proxy.corp:3128" }, "good.test", proxy],
    ["https", { HTTPS_PROXY: "proxy.corp:3128", HTTP_PROXY: "http://x" }, "good.test", proxy],
    ["small letters first", { https_proxy: "http://proxy.corp:3128", HTTPS_PROXY: "http://x" }, "good.test", proxy],
    ["a name left out", { ALL_PROXY: "http://x", NO_PROXY: "a.test, good.test" }, "good.test", null],
    ["a suffix left out", { ALL_PROXY: "http://x", NO_PROXY: ".good.test" }, "a.good.test", null],
    ["what only ends alike", { ALL_PROXY: "http://proxy.corp:3128", NO_PROXY: "good.test" }, "evilgood.test", proxy],
    ["a range left out", { ALL_PROXY: "http://x", NO_PROXY: "10.0.0.0/8" }, "10.1.2.3", null],
    ["outside of the range", { ALL_PROXY: "http://proxy.corp:3128", NO_PROXY: "10.0.0.0/8" }, "11.1.2.3", proxy],
    ["an IPv6 range left out", { ALL_PROXY: "http://x", NO_PROXY: "fd00::/8" }, "fd00::1", null],
    ["another port left out", { ALL_PROXY: "http://proxy.corp:3128", NO_PROXY: "good.test:80" }, "good.test", proxy],
    ["its port left out", { ALL_PROXY: "http://x", NO_PROXY: "good.test:443" }, "good.test", null],
    ["everything left out", { ALL_PROXY: "http://x", NO_PROXY: "*" }, "good.test", null],
    ["loopback", { ALL_PROXY: "http://x" }, "127.0.0.1", null],
  ])("%s", (_, environment, host, expected) => {
    const target = { host, isAddress: /^[\d.]+$|:/.test(host), port: 443 };
    expect(upstreamFrom(environment)(target, "tunnel")).toEqual(expected);
  });

  it("carry credentials, and are refused when they make no sense", () => {
    const target = { host: "good.test", isAddress: false, port: 80 };
    const choose = upstreamFrom({ http_proxy: "socks5h://us%40er:pa%3Ass@proxy.corp" });
    expect(choose(target, "http")).toEqual({
      kind: "socks5",
      host: "proxy.corp",
      port: 1080,
      user: "us@er",
      password: "pa:ss",
    });
    expect(choose(target, "tunnel")).toBeNull();
    for (const text of ["ftp://x", "http://", "://"])
      expect(() => upstreamFrom({ ALL_PROXY: text })).toThrow("ALL_PROXY");
  });
});

describe.each(["http", "socks5"])("a door behind a proxy that speaks %s", (kind) => {
  it("goes through it with its credentials, looks nothing up, and says what it answers", async () => {
    const origin = await openOrigin();
    const sink = await openSink((socket) => socket.write("banner"));
    const outer = await openStand({ secret: "pa:ss" });
    const url = (password: string): string => `${kind}://user:${password}@127.0.0.1:${outer.port}`;
    const inner = await openStand({
      allow: ["good.test", "far.test"],
      upstream: upstreamFrom({ ALL_PROXY: url("pa%3Ass") }),
    });

    const authority = `good.test:${origin.port}`;
    const wire = new Wire(inner.port).send(`GET http://${authority}/x HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
    await wire.untilText("GET /x");
    const tunnel = new Wire(inner.port).send(`${connect("good.test", sink.port)}\0hello`);
    await tunnel.untilText("banner");
    await tunnel.until(() => sink.bytes() === "\0hello");
    expect(new Set(outer.gate.located)).toEqual(new Set(["good.test"]));
    const asked = outer.gate.located.length;
    expect(inner.gate.located).toEqual([]);
    expect(await new Wire(inner.port).send(connect("evil.test", 443)).untilClosed()).toContain("403");
    expect(outer.gate.located).toHaveLength(asked);

    expect(await new Wire(inner.port).send(connect("far.test", 443)).untilClosed()).toContain("502");
    const wrong = await openStand({ upstream: upstreamFrom({ ALL_PROXY: url("no") }) });
    expect(await new Wire(wrong.port).send(connect("good.test", sink.port)).untilClosed()).toContain("502");
  });
});

describe("dialling", () => {
  it("tries the addresses in order and takes the first that answers", async () => {
    const port = await listen(createServer());
    const socket = await dial(
      [
        { address: "::1", family: 6 },
        { address: "127.0.0.1", family: 4 },
      ],
      port,
      2000,
    );
    expect(isFailure(socket) ? null : socket.remoteAddress).toBe("127.0.0.1");
    if (!isFailure(socket)) socket.destroy();
  });

  it("tells nobody listening from nobody answering", async () => {
    expect(await dial([{ address: "127.0.0.1", family: 4 }], 1, 1000)).toMatchObject({ failed: "connect_failed" });
    expect(await dial([], 1, 1000)).toMatchObject({ failed: "connect_failed" });
  });
});
