import { createHash, randomBytes } from "node:crypto";
import { createServer, request as sendRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { createServer as createTcpServer, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { agreeToWebSocket, askForWebSocket, listen, openOrigin, openStand, pause, Wire } from "../door/stand.ts";

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function ask(proxy: number, url: string, options: RequestOptions, body?: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = sendRequest({ ...options, host: "127.0.0.1", port: proxy, path: url, setHost: false });
    request.setHeader("host", new URL(url).host);
    request.on("response", resolve).on("error", reject).end(body);
  });
}

describe("what passes through the HTTP proxy", () => {
  it("is the same on the other side, both ways, with and without a length", async () => {
    const body = randomBytes(3_000_000);
    const origin = await openOrigin((request, response) => {
      void collect(request).then((bytes) => response.setHeader("x-digest", digest(bytes)).end(bytes));
    });
    const { port } = await openStand();
    for (const headers of [{ "content-length": body.length }, { "transfer-encoding": "chunked" }]) {
      const answer = await ask(port, `http://good.test:${origin.port}/`, { method: "POST", headers }, body);
      expect(answer.headers["x-digest"]).toBe(digest(body));
      expect(digest(await collect(answer))).toBe(digest(body));
    }
  });

  it("waits for a client that does not read, and the server with it", async () => {
    let written = 0;
    const origin = await openOrigin((_, response) => {
      const block = Buffer.alloc(65_536);
      const more = (): void => {
        while (!response.destroyed && written < 200_000_000) {
          written += block.length;
          if (!response.write(block)) return void response.once("drain", more);
        }
      };
      more();
    });
    const { port } = await openStand();
    const wire = new Wire(port);
    wire.socket.pause();
    wire.send(`GET http://good.test:${origin.port}/ HTTP/1.1\r\nHost: good.test:${origin.port}\r\n\r\n`);
    await pause(400);
    expect(written).toBeGreaterThan(65_536);
    expect(written).toBeLessThan(60_000_000);
  });

  it("asks the server before a body that waits for 100, and hands on both answers", async () => {
    const origin = await openOrigin();
    origin.server.on("checkContinue", (request: IncomingMessage, response) => {
      if (request.url === "/no") return void response.writeHead(417).end();
      response.writeContinue();
      void collect(request).then((bytes) => response.end(bytes));
    });
    const { port } = await openStand();
    const authority = `good.test:${origin.port}`;
    const head = (path: string): string =>
      `POST http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
    const wire = new Wire(port).send(head("/yes"));
    await wire.untilText("HTTP/1.1 100 Continue\r\n\r\n");
    wire.send("abcde");
    expect(await wire.untilText("abcde")).toContain("HTTP/1.1 200 OK");
    expect(await new Wire(port).send(head("/no")).untilText("\r\n\r\n")).toMatch(/^HTTP\/1.1 417/);
  });

  it("keeps trailers, answers without a body, and answers that end with the connection", async () => {
    const origin = await openOrigin((request, response) => {
      if (request.url === "/204") return void response.writeHead(204).end();
      if (request.url === "/end") return void response.writeHead(200, { connection: "close" }).end("until the end");
      if (request.method === "HEAD") return void response.writeHead(200, { "content-length": 9 }).end();
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body");
      response.addTrailers({ "x-sum": "7" });
      return void response.end();
    });
    const { port } = await openStand();
    const url = `http://good.test:${origin.port}`;
    const answer = await ask(port, `${url}/trailers`, { headers: { te: "trailers" } });
    expect((await collect(answer)).toString()).toBe("body");
    expect(answer.trailers).toEqual({ "x-sum": "7" });
    expect((await ask(port, `${url}/204`, {})).statusCode).toBe(204);
    expect((await ask(port, `${url}/x`, { method: "HEAD" })).statusCode).toBe(200);
    expect((await collect(await ask(port, `${url}/end`, {}))).toString()).toBe("until the end");
  });

  it("repeats a harmless request when a kept connection has gone, and never one with effects", async () => {
    let requests = 0;
    const server = createTcpServer((socket: Socket) => {
      // Answers one request a connection, invites to keep it, and breaks it at the second.
      let answered = false;
      socket.on("error", () => {});
      socket.on("data", () => {
        requests += 1;
        if (answered) return void socket.resetAndDestroy();
        answered = true;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      });
    });
    const origin = await listen(server);
    const { port } = await openStand();
    const url = `http://good.test:${origin}/`;
    for (let index = 0; index < 3; index += 1) {
      expect((await collect(await ask(port, url, {}))).toString()).toBe("ok");
    }
    requests = 0;
    expect((await ask(port, url, { method: "POST" }, Buffer.from("x"))).statusCode).toBe(200);
    expect(requests).toBe(1);
  });

  it("ends for the server when the client leaves", async () => {
    let closed = false;
    const origin = await openOrigin((_, response) => {
      response.write("first");
      response.on("close", () => (closed = true));
    });
    const { port } = await openStand();
    const wire = new Wire(port).send(
      `GET http://good.test:${origin.port}/ HTTP/1.1\r\nHost: good.test:${origin.port}\r\n\r\n`,
    );
    await wire.untilText("first");
    wire.socket.destroy();
    await wire.until(() => closed);
  });

  it("is 502 when nobody listens or the answer is no HTTP, 504 when nobody answers", async () => {
    const closed = createServer();
    const port = await listen(closed);
    await new Promise((resolve) => closed.close(resolve));
    const nonsense = await listen(createTcpServer((socket) => socket.end("nonsense\r\n\r\n")));
    const stand = await openStand();
    for (const [name, origin] of [
      ["refused", port],
      ["nonsense", nonsense],
    ] as const) {
      const answer = await ask(stand.port, `http://good.test:${origin}/`, {});
      expect([name, answer.statusCode, answer.headers["x-proxy-error"]]).toEqual([name, 502, "connect-failed"]);
    }
  });
});

describe("a connection that is kept", () => {
  it("has every request decided, also those that come together", async () => {
    const origin = await openOrigin();
    const { port, gate } = await openStand();
    gate.methods = ["GET"];
    const authority = `good.test:${origin.port}`;
    const one = (method: string, host = authority): string =>
      `${method} http://${host}/${method} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const wire = new Wire(port).send(one("GET") + one("DELETE") + one("GET", "evil.test") + one("GET"));
    const text = await wire.until(() => wire.text.split("GET /GET").length === 3);
    expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 403", "HTTP/1.1 403", "HTTP/1.1 200"]);
    expect(origin.seen.map(({ method }) => method)).toEqual(["GET", "GET"]);
    expect(origin.connections()).toBeLessThanOrEqual(2);
    gate.methods = null;
    wire.send(one("DELETE"));
    await wire.untilText("DELETE /DELETE");
  });

  it("uses kept connections for the same host, address and port alone", async () => {
    const origin = await openOrigin();
    const { port, gate } = await openStand({ allow: ["good.test", "other.test"] });
    const get = async (host: string): Promise<unknown> =>
      collect(await ask(port, `http://${host}:${origin.port}/`, {}));
    await get("good.test");
    await get("good.test");
    expect(origin.connections()).toBe(1);
    await get("other.test");
    expect(origin.connections()).toBe(2);
    gate.addresses = ["::1", "127.0.0.1"];
    await get("good.test");
    expect(origin.connections()).toBe(3);
  });
});

describe("a WebSocket", () => {
  const head = (authority: string): string =>
    `GET http://${authority}/chat HTTP/1.1\r\nHost: ${authority}\r\n${askForWebSocket}\r\n`;

  it("passes in both directions once the server agrees, and not when the host is refused", async () => {
    const origin = await openOrigin();
    origin.server.on("upgrade", (request: IncomingMessage, socket: Socket) => {
      socket.on("error", () => {});
      socket.write(`${agreeToWebSocket}X-Path: ${request.url}\r\n\r\nhello`);
      socket.on("data", (chunk) => socket.write(`<${chunk.toString()}>`));
    });
    const { port } = await openStand();
    const wire = new Wire(port).send(`${head(`good.test:${origin.port}`)}early`);
    expect(await wire.untilText("<early>")).toMatch(/^HTTP\/1.1 101 [^]*X-Path: \/chat\r\n[^]*\r\n\r\nhello/);
    wire.send("late");
    await wire.untilText("<late>");
    const refused = new Wire(port).send(head(`evil.test:${origin.port}`));
    expect(await refused.untilClosed()).toMatch(/^HTTP\/1.1 403/);
  });

  it("is an ordinary answer when the server declines", async () => {
    const origin = await openOrigin((_, response) => response.writeHead(426).end("no"));
    origin.server.on("upgrade", (_: IncomingMessage, socket: Socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    });
    const { port } = await openStand();
    const wire = new Wire(port).send(head(`good.test:${origin.port}`));
    expect(await wire.untilClosed()).toMatch(/^HTTP\/1.1 426 [^]*no$/);
  });
});
