import type { Socket } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import {
  agreeToWebSocket,
  askForWebSocket,
  listen,
  openOrigin,
  openSink,
  openStand,
  pause,
  Wire,
} from "../door/stand.ts";

/** A server that gives these answers, one for each request. */
function answering(answer: (socket: Socket, request: string) => void): Promise<number> {
  return listen(
    createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("error", () => {}).on("data", (text) => answer(socket, text.toString("latin1")));
    }),
  );
}

const get = (authority: string, more = ""): string =>
  `GET http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\n${more}\r\n`;
const head = "HTTP/1.1 200 OK\r\n";

describe("a head that is made to be costly", () => {
  const large = 500_000;
  it.each([
    ["space between names of Connection", `Connection: a${" ".repeat(large)}b\r\n`],
    ["as many names of Connection as headers", `Connection: ${"a,".repeat(100_000)}b\r\n${"x:\r\n".repeat(50_000)}`],
    [
      "one method, many times",
      `X-HTTP-Method: ${"GET,".repeat(large / 5)}GET\r\n${"X-Rewrite-URL: /\r\n".repeat(5000)}`,
    ],
  ])("is read at once: %s", async (_, more) => {
    const origin = await openOrigin();
    const { port } = await openStand({ limits: { headerBytes: 4 * large } });
    const began = Date.now();
    // The origin takes no head of this size; that it says so is that it was sent on.
    await new Wire(port).send(get(`good.test:${origin.port}`, more)).untilText("HTTP/1.1 ");
    expect(Date.now() - began).toBeLessThan(2000);
  });

  it("is refused when it says in too many ways which request it is", async () => {
    const origin = await openOrigin();
    const { port } = await openStand();
    const say = (methods: number, paths: number): Promise<string> => {
      const more = Array.from({ length: paths }, (_, at) => `X-Rewrite-URL: /${at}\r\n`).join("");
      const list = Array.from({ length: methods }, (_, at) => `M${at}`).join();
      return new Wire(port)
        .send(get(`good.test:${origin.port}`, `X-HTTP-Method: ${list}\r\n${more}`))
        .untilText("\r\n\r\n");
    };
    expect(await say(1000, 1000)).toMatch(/^HTTP\/1.1 400 [^]*"reason":"bad_request"/);
    expect(origin.seen).toEqual([]);
    expect(await say(7, 7)).toMatch(/^HTTP\/1.1 200 /);
  });

  it("expects nothing but 100-continue", async () => {
    const origin = await openOrigin();
    const { port, events } = await openStand();
    const post = (expected: string): Promise<string> =>
      new Wire(port)
        .send(
          `POST http://good.test:${origin.port}/ HTTP/1.1\r\nHost: good.test:${origin.port}\r\nExpect: ${expected}\r\nContent-Length: 2\r\n\r\nab`,
        )
        .untilText("\r\n\r\n");
    expect(await post("something-else")).toMatch(/^HTTP\/1.1 400 [^]*"reason":"bad_request"/);
    expect(events.map(({ refusal }) => refusal?.reason)).toEqual(["bad_request"]);
    expect(await post("100-continue")).toMatch(/^HTTP\/1.1 100 Continue/);
  });
});

describe("a WebSocket that is none", () => {
  const ask = (port: number, more = askForWebSocket): string => get(`good.test:${port}`, more);
  const fine = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const accept = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

  it.each([
    ["a server that says 101 to anything", fine],
    ["one that took another key", `${fine}Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n`],
    ["one that says two things", `${fine}${accept}Sec-WebSocket-Accept: x\r\n`],
    ["one that goes on in HTTP/2", `Connection: Upgrade\r\nUpgrade: h2c\r\n${accept}`],
  ])("carries no second request: %s", async (_, said) => {
    const heard: string[] = [];
    const origin = await answering((socket, text) => {
      heard.push(text);
      socket.write(`HTTP/1.1 101 Sure\r\n${said}\r\n`);
    });
    const { port } = await openStand();
    const wire = new Wire(port).send(`${ask(origin)}GET /closed HTTP/1.1\r\nHost: evil.test\r\n\r\n`);
    expect(await wire.untilClosed()).toMatch(/^HTTP\/1.1 502 [^]*"reason":"connect_failed"/);
    expect(heard.join("")).not.toContain("/closed");
  });

  it.each([
    ["without a key", "Connection: Upgrade\r\nUpgrade: websocket\r\n"],
    ["with two", `${askForWebSocket}Sec-WebSocket-Key: x\r\n`],
    ["with an empty one", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key:\r\n"],
  ])("is not asked for %s", async (_, more) => {
    const sink = await openSink();
    const { port } = await openStand();
    expect(await new Wire(port).send(ask(sink.port, more)).untilClosed()).toMatch(/^HTTP\/1.1 400 /);
    expect(sink.connections()).toBe(0);
  });

  it("is one where the server takes the key: the twin", async () => {
    const heard: string[] = [];
    const origin = await answering((socket, text) => {
      heard.push(text);
      if (heard.length === 1) socket.write(`${agreeToWebSocket}\r\n`);
    });
    const { port } = await openStand();
    const wire = new Wire(port).send(`${ask(origin)}GET /closed`);
    await wire.until(() => heard.join("").includes("GET /closed"));
  });
});

describe("trailers", () => {
  it("make no other request of what was decided", async () => {
    const origin = await openOrigin((request, response) => {
      request.resume().on("end", () => response.end(JSON.stringify(request.trailers)));
    });
    const { port } = await openStand();
    const authority = `good.test:${origin.port}`;
    const trailers =
      "X-HTTP-Method-Override: DELETE\r\nx_original_url: /admin\r\nX-Sum: 7\r\nHost: evil.test\r\nAuthorization: Basic x\r\n" +
      "Cookie: a=b\r\nConnection: x-sum\r\nContent-Type: a/b\r\nRange: bytes=0-1\r\n";
    const text = `POST http://${authority}/ HTTP/1.1\r\nHost: ${authority}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n${trailers}\r\n`;
    expect(await new Wire(port).send(text).untilText("}")).toMatch(/\{"x-sum":"7"\}/);
  });
});

describe("a server's answer that is none", () => {
  it.each([
    ["another protocol that nobody asked for", "HTTP/1.1 101 Sure\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nPRI"],
    ["a WebSocket that nobody asked for", "HTTP/1.1 101 Sure\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"],
    ["101 and nothing to switch to", `HTTP/1.1 101 Sure\r\n\r\n${head}Content-Length: 2\r\n\r\nok`],
    ["a status below 100", "HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n"],
    ["a length and an encoding", `${head}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nabc`],
    ["two lengths", `${head}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde`],
    ["a negative length", `${head}Content-Length: -3\r\n\r\nabc`],
    ["an encoding for the hop alone", `${head}Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`],
    ["an obsolete fold", `${head}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
    ["bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"],
    ["a bare carriage return", `${head}X: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n`],
    ["NUL", `${head}X: a\0b\r\nContent-Length: 0\r\n\r\n`],
    ["space before a colon", `${head}Content-Length : 5\r\n\r\nhello`],
    ["controls in its words", "HTTP/1.1 200 \x1b[31m\r\nContent-Length: 0\r\n\r\n"],
    ["a head without end", `${head}${"a: b\r\n".repeat(50_000)}`],
    ["no HTTP", "220 mail.test ESMTP\r\n"],
  ])("is 502, and the connection serves the next request: %s", async (_, answer) => {
    const bad = await answering((socket) => void socket.write(Buffer.from(answer, "latin1")));
    const good = await openOrigin();
    const { port, events } = await openStand();
    const wire = new Wire(port).send(get(`good.test:${bad}`));
    const text = await wire.untilText('"message"');
    expect(text).toMatch(/^HTTP\/1.1 502 [^]*x-proxy-error: connect-failed[^]*"reason":"connect_failed"/);
    expect(text).not.toContain("HTTP/1.1 101");
    wire.send(get(`good.test:${good.port}`));
    await wire.untilText("HTTP/1.1 200 OK");
    expect(events.filter(({ kind }) => kind === "refused")).toHaveLength(1);
  });

  it.each([
    ["a head of forty thousand bytes", `${head}X: ${"a".repeat(40_000)}\r\nContent-Length: 2\r\n\r\nok`],
    ["early hints before it", `HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${head}Content-Length: 2\r\n\r\nok`],
    ["chunks", `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
  ])("is one with %s", async (_, answer) => {
    const origin = await answering((socket) => void socket.write(answer));
    const { port } = await openStand();
    expect(await new Wire(port).send(get(`good.test:${origin}`)).untilText("ok")).toMatch(/^HTTP\/1.1 200 OK/);
  });

  it("is 504 when it does not come, and the connection serves the next request", async () => {
    const silent = await answering(() => {});
    const slow = await answering(
      (socket) => void setTimeout(() => socket.write(`${head}Content-Length: 2\r\n\r\nok`), 50),
    );
    const { port } = await openStand({ limits: { answerTime: 300 } });
    const wire = new Wire(port).send(get(`good.test:${silent}`));
    expect(await wire.untilText('"message"')).toMatch(/^HTTP\/1.1 504 [^]*"reason":"answer_timed_out"/);
    wire.send(get(`good.test:${slow}`));
    await wire.untilText("HTTP/1.1 200 OK");
  });

  it("says once that the body may come, however often the server says so", async () => {
    const origin = await answering((socket) => {
      socket.write("HTTP/1.1 100 Continue\r\n\r\n".repeat(1000) + `${head}Content-Length: 2\r\n\r\nok`);
    });
    const { port } = await openStand();
    const text = await new Wire(port).send(get(`good.test:${origin}`)).untilText("ok");
    expect(text.match(/HTTP\/1.1 100/g)).toHaveLength(1);
  });
});

describe("a request inside of a tunnel to a port of a named host", () => {
  const opened = (port: number): string => `CONNECT good.test:${port} HTTP/1.1\r\nHost: good.test:${port}\r\n\r\n`;

  it.each([
    ["small letters", "GET / http/1.1\r\nHost: evil.test\r\n\r\n"],
    ["a tabulator of the other kind", "GET\x0b/\x0bHTTP/1.1\r\nHost: evil.test\r\n\r\n"],
    ["a separator that some libraries know", "GET\x1c/\x1cHTTP/1.1\r\nHost: evil.test\r\n\r\n"],
    ["a space that does not break", "GET\xa0/\xa0HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
    ["space before it", " \tGET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
    ["a word too many", "GET / x HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
    ["something behind it", "GET / HTTP/1.1;x\r\nHost: evil.test\r\n\r\n"],
    ["a version of another protocol, for Node", "GET / RTSP/1.0\r\nHost: evil.test\r\n\r\n"],
    ["a version of nothing, for Java", "GET / ANY/1.1\r\nHost: evil.test\r\n\r\n"],
    ["a star and no version, for Node", "POST **TTP/1.1\r\nHost: evil.test\r\n\r\n"],
    ["no version, for Python", "GET x\r\nHost: evil.test\r\n\r\n"],
    ["a method in letters that are none, for Python and Java", "{GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
    [
      "a place that is longer than a line is looked at",
      `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: evil.test\r\n\r\n`,
    ],
  ])("is held to that host however it is written: %s", async (_, text) => {
    const sink = await openSink();
    const { port } = await openStand();
    const wire = new Wire(port).send(opened(sink.port)).send(text);
    expect(await wire.untilText('"status":"blocked"')).toMatch(/HTTP\/1.1 400 /);
    expect(sink.bytes()).toBe("");
  });

  it.each([
    ["a method without end, for Go", ["A".repeat(40), " / HTTP/1.1\r\n", "Host: evil.test\r\n\r\n"]],
    ["a method that does not look like one", ["{GE", "T / HTTP/1.1\r\n", "Host: evil.test\r\n\r\n"]],
    ["a line of which nobody looks at the end", ["{", "X".repeat(60_000), " / ANY\r\n", "Host: evil.test\r\n\r\n"]],
  ])("is held to that host in pieces: %s", async (_, pieces) => {
    const sink = await openSink();
    const { port, events } = await openStand();
    const wire = new Wire(port).send(opened(sink.port));
    await wire.untilText("\r\n\r\n");
    for (const piece of pieces) {
      wire.send(piece);
      // oxlint-disable-next-line no-await-in-loop -- pieces that arrive one by one
      await pause(30);
    }
    await wire.untilClosed();
    expect(events.map(({ refusal }) => refusal?.reason)).toContain("bad_request");
    expect(sink.bytes()).not.toContain("\n");
  });

  it.each([
    ["text without an end of line", ["{", '"id": 1, "path": "/x"}']],
    ["git's own protocol", ["0032git-upload-pack /project.git\0host=good.test\0", "0014command=ls-refs\n"]],
    ["a line that is no request, in pieces", ["{", '"id": 1}\n', "GET / HTTP/1.1\r\n"]],
    ["bytes", ["\0\x01", "\x02".repeat(100_000), " / x\n"]],
  ])("is let be where it is none: %s", async (_, pieces) => {
    const sink = await openSink();
    const { port } = await openStand();
    const wire = new Wire(port).send(opened(sink.port));
    await wire.untilText("\r\n\r\n");
    for (const piece of pieces) {
      wire.send(piece);
      // oxlint-disable-next-line no-await-in-loop -- pieces that arrive one by one
      await pause(30);
    }
    await wire.until(() => sink.bytes() === pieces.join(""));
  });

  it("goes on in its one spelling, and so does what is no HTTP", async () => {
    const origin = await openOrigin();
    const sink = await openSink();
    const { port } = await openStand();
    const path = `/${"a".repeat(10_000)}`;
    const text = `GET ${path} HTTP/1.1\r\nHost: good.test:${origin.port}\r\n\r\n`;
    await new Wire(port).send(opened(origin.port)).send(text).untilText(`GET ${path}`);
    const wire = new Wire(port).send(opened(sink.port)).send("HELO there\r\n");
    await wire.until(() => sink.bytes() === "HELO there\r\n");
  });
});
