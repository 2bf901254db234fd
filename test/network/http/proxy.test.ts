import { describe, expect, it } from "vitest";
import { openOrigin, openStand, Wire } from "../door/stand.ts";

describe("an HTTP proxy request", () => {
  it("reaches an allowed server in origin form, without what is the door's", async () => {
    const origin = await openOrigin();
    const { port, events } = await openStand();
    const wire = new Wire(port).send(
      `POST http://good.test:${origin.port}/a?b=c HTTP/1.1\r\nHost: good.test:${origin.port}\r\nProxy-Authorization: Basic eDp5\r\n` +
        `Connection: close, X-Hop\r\nX-Hop: 1\r\nX-End: 2\r\nContent-Length: 3\r\n\r\nabc`,
    );
    const text = await wire.untilClosed();
    expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*POST \/a\?b=c abc/);
    expect(origin.seen[0]?.headers).toEqual({
      host: `good.test:${origin.port}`,
      "x-end": "2",
      "content-length": "3",
      connection: "close",
    });
    expect(events.map(({ kind }) => kind)).toEqual(["allowed", "closed"]);
    expect(JSON.stringify(events)).not.toContain("b=c");
    expect(events[1]?.sent).toBeGreaterThan(50);
    expect(events[1]?.received).toBeGreaterThan(50);
  });

  it("is refused in words that say what would help, and nothing is looked up", async () => {
    const origin = await openOrigin();
    const { port, gate, events } = await openStand();
    const wire = new Wire(port).send(
      `GET http://evil.test:${origin.port}/ HTTP/1.1\r\nHost: evil.test:${origin.port}\r\nConnection: close\r\n\r\n`,
    );
    const [head = "", body = ""] = (await wire.untilClosed()).split("\r\n\r\n");
    expect(head).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/);
    expect(head).toContain("x-proxy-error: blocked-by-allowlist");
    expect(head).toContain("content-type: application/json");
    expect(JSON.parse(body)).toMatchObject({
      status: "blocked",
      host: "evil.test",
      port: origin.port,
      protocol: "http",
      reason: "network_not_allowed",
      decision: "deny",
      source: "user",
      rule: null,
      suggestion: { argv: ["--allow-domain", "evil.test"] },
      retryable: true,
    });
    expect([gate.located, origin.seen]).toEqual([[], []]);
    expect(events.map(({ kind }) => kind)).toEqual(["refused"]);
  });
});
