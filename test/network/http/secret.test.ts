import { describe, expect, it } from "vitest";
import type { SessionProtocol } from "../../../src/network/door/parts.ts";
import { openOrigin, openStand, Wire } from "../door/stand.ts";

const basic = (password: string): string =>
  `Proxy-Authorization: Basic ${Buffer.from(`run:${password}`).toString("base64")}\r\n`;

describe("a door with a secret", () => {
  it.each(["GET", "CONNECT"])("lets %s pass with it, and asks for it without", async (method) => {
    const origin = await openOrigin();
    const { port, gate } = await openStand({ secret: "s3cret" });
    const authority = `good.test:${origin.port}`;
    const head = (more: string): string =>
      `${method} ${method === "GET" ? `http://${authority}/` : authority} HTTP/1.1\r\nHost: ${authority}\r\n${more}\r\n`;
    for (const wrong of ["", basic("other"), basic("s3cre"), "Proxy-Authorization: Bearer s3cret\r\n"]) {
      const text = await new Wire(port).send(head(wrong)).untilClosed();
      expect(text).toMatch(/^HTTP\/1.1 407 [^]*proxy-authenticate: Basic/);
      expect(text).toContain('"reason":"credentials_missing"');
    }
    expect([gate.located, origin.seen]).toEqual([[], []]);
    const wire = new Wire(port).send(head(basic("s3cret")));
    await wire.untilText("HTTP/1.1 200");
    if (method === "GET") expect(origin.seen[0]?.headers).not.toHaveProperty("proxy-authorization");
  });
});

describe("the session's protocol", () => {
  const heard: string[] = [];
  const sessionProtocol: SessionProtocol = {
    lines: (socket, head) => void socket.end(`lines ${head.toString()}`),
    request: (request, response) => {
      heard.push(request.url ?? "");
      response.end("session");
    },
  };
  const post = (host: string): string =>
    `POST /v1/session.ping HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`;

  it("is told by its first byte, or by its path and a host that is the door's own", async () => {
    const { port } = await openStand({ sessionProtocol });
    expect(await new Wire(port).send('{"id":1}\n').untilClosed()).toBe('lines {"id":1}\n');
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      expect(await new Wire(port).send(post(host)).untilText("session")).toContain("HTTP/1.1 200");
    }
    expect(heard).toHaveLength(2);
  });

  it.each([["rebound.test:PORT"], ["127.0.0.1:1"], ["127.0.0.1"], ["127.0.0.1:PORT\r\nHost: 127.0.0.1:PORT"]])(
    "is not reached by way of Host: %j",
    async (host) => {
      const before = heard.length;
      const { port } = await openStand({ sessionProtocol });
      const text = await new Wire(port).send(post(host.replaceAll("PORT", String(port)))).untilClosed();
      expect(text).toMatch(/^HTTP\/1.1 400/);
      expect(heard).toHaveLength(before);
    },
  );
});
