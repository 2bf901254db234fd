import { describe, expect, it, onTestFinished } from "vitest";
import { openOrigin, openStand, Wire } from "../door/stand.ts";

/** `@` stands for the origin's authority. Each case is sent as it is; the origin must never hear of it. */
const ambiguous: [string, string][] = [
  [
    "length and encoding",
    "POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  [
    "encoding and length",
    "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
  ],
  ["two lengths", "POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"],
  ["a list of lengths", "POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 3, 3\r\n\r\nabc"],
  ["a signed length", "POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: +3\r\n\r\nabc"],
  ["an obsolete fold", "GET http://@/ HTTP/1.1\r\nHost: @\r\nX: a\r\n b\r\n\r\n"],
  ["a folded encoding", "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"],
  [
    "a chunk size in C's spelling",
    "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
  ],
  [
    "an encoding before chunked",
    "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  ],
  [
    "chunked twice",
    "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  ],
  ["another encoding", "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
  ["chunks in HTTP/1.0", "POST http://@/ HTTP/1.0\r\nHost: @\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["bare line feeds", "GET http://@/ HTTP/1.1\nHost: @\n\n"],
  ["a bare line feed among headers", "GET http://@/ HTTP/1.1\r\nHost: @\nX: y\r\n\r\n"],
  ["a bare carriage return", "GET http://@/ HTTP/1.1\r\nHost: @\rX: y\r\n\r\n"],
  ["a space before the colon", "GET http://@/ HTTP/1.1\r\nHost : @\r\n\r\n"],
  ["a space before the first name", "GET http://@/ HTTP/1.1\r\n Host: @\r\n\r\n"],
  ["NUL in a header", "GET http://@/ HTTP/1.1\r\nHost: @\r\nX: a\0b\r\n\r\n"],
  ["a control character in a header", "GET http://@/ HTTP/1.1\r\nHost: @\r\nX: a\x01b\r\n\r\n"],
  ["NUL in the target", "GET http://@/\0 HTTP/1.1\r\nHost: @\r\n\r\n"],
  ["a header without a colon", "GET http://@/ HTTP/1.1\r\nHost: @\r\nfoo\r\n\r\n"],
  ["a header without a name", "GET http://@/ HTTP/1.1\r\nHost: @\r\n: x\r\n\r\n"],
  ["tabs in the request line", "GET\thttp://@/\tHTTP/1.1\r\nHost: @\r\n\r\n"],
  ["HTTP/2.0 as HTTP/1.1", "GET http://@/ HTTP/2.0\r\nHost: @\r\n\r\n"],
  ["HTTP/2 without asking", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["HTTP/0.9", "GET http://@/\r\n\r\n"],
  ["two hosts", "GET http://@/ HTTP/1.1\r\nHost: @\r\nHost: @\r\n\r\n"],
  ["no host", "GET http://@/ HTTP/1.1\r\nX: y\r\n\r\n"],
  ["another host", "GET http://@/ HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
  ["another port", "GET http://@/ HTTP/1.1\r\nHost: good.test:1\r\n\r\n"],
  ["a host with user information", "GET http://@/ HTTP/1.1\r\nHost: a@good.test\r\n\r\n"],
  ["user information in the target", "GET http://evil.test\\@@/ HTTP/1.1\r\nHost: @\r\n\r\n"],
  ["a fragment", "GET http://@/#x HTTP/1.1\r\nHost: @\r\n\r\n"],
  ["TLS asked of the proxy", "GET https://@/ HTTP/1.1\r\nHost: @\r\n\r\n"],
  ["a path alone", "GET / HTTP/1.1\r\nHost: @\r\n\r\n"],
  [
    "a length declared as one hop's",
    "POST http://@/ HTTP/1.1\r\nHost: @\r\nConnection: content-length\r\nContent-Length: 3\r\n\r\nabc",
  ],
  ["TLS on the proxy's port", "\x16\x03\x01\x00\x05hello"],
  ["SOCKS4", "\x04\x01\x00\x50\x7f\x00\x00\x01\x00"],
];

describe("an ambiguous request", () => {
  it.each(ambiguous)("%s is answered 400 and goes nowhere", async (_, text) => {
    const origin = await openOrigin();
    const { port } = await openStand();
    const wire = new Wire(port).send(text.replaceAll("@", `good.test:${origin.port}`));
    expect(await wire.untilClosed()).toMatch(/^HTTP\/1.1 400 [^]*x-proxy-error: [^]*"status":"blocked"/);
    expect(origin.seen).toEqual([]);
  });

  it.each([
    ["a length", "POST http://@/ HTTP/1.1\r\nHost: @\r\nContent-Length: 3\r\n\r\nabc", "POST / abc"],
    [
      "chunks",
      "POST http://@/ HTTP/1.1\r\nHost: @\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
      "POST / abc",
    ],
    ["no path", "GET http://@?a HTTP/1.1\r\nHost: @\r\n\r\n", "GET /?a "],
    ["capital letters", "GET HTTP://GOOD.test:%/ HTTP/1.1\r\nHost: @\r\n\r\n", "GET / "],
    ["HTTP/1.0 without Host", "GET http://@/ HTTP/1.0\r\n\r\n", "GET / "],
    [
      "an offer of HTTP/2",
      "GET http://@/ HTTP/1.1\r\nHost: @\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n\r\n",
      "GET / ",
    ],
    ["the server's options", "OPTIONS http://@ HTTP/1.1\r\nHost: @\r\n\r\n", "OPTIONS * "],
  ])("its clean twin with %s passes", async (_, text, echo) => {
    const origin = await openOrigin();
    const { port } = await openStand();
    const authority = `good.test:${origin.port}`;
    const wire = new Wire(port).send(text.replaceAll("@", authority).replaceAll("%", String(origin.port)));
    await wire.untilText(echo);
    expect(origin.seen).toHaveLength(1);
    expect(origin.seen[0]?.headers).not.toHaveProperty("upgrade");
  });

  it("hides no header behind a great number of others", async () => {
    const origin = await openOrigin();
    const { port } = await openStand();
    const many = "a: b\r\n".repeat(3000);
    const text = `POST http://good.test:${origin.port}/ HTTP/1.1\r\n${many}Host: evil.test\r\nContent-Length: 0\r\n\r\n`;
    expect(await new Wire(port).send(text).untilClosed()).toMatch(/^HTTP\/1.1 400 [^]*host_mismatch/);
    expect(origin.seen).toEqual([]);
  });

  it("leaves nothing behind on a connection whose client offers HTTP/2 with each request", async () => {
    const origin = await openOrigin();
    const { port } = await openStand();
    const warnings: string[] = [];
    const onWarning = ({ name }: Error): number => warnings.push(name);
    process.on("warning", onWarning);
    onTestFinished(() => void process.off("warning", onWarning));
    const authority = `good.test:${origin.port}`;
    const wire = new Wire(port);
    for (let index = 0; index < 25; index += 1) {
      wire.send(
        `GET http://${authority}/${index} HTTP/1.1\r\nHost: ${authority}\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`,
      );
      await wire.untilText(`GET /${index} `);
    }
    expect(warnings).toEqual([]);
  });
});
