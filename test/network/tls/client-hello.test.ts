import { describe, expect, it } from "vitest";
import { readClientHello } from "../../../src/network/tls/client-hello.ts";
import { openingProblem, readOpening } from "../../../src/network/tls/opening.ts";
import { decision } from "../door/stand.ts";
import { realHello } from "./real-hello.ts";

const record = (bytes: Buffer): Buffer => {
  const head = Buffer.from([0x16, 3, 1, 0, 0]);
  head.writeUInt16BE(bytes.length, 3);
  return Buffer.concat([head, bytes]);
};

const sized = (width: number, bytes: Buffer): Buffer => {
  const head = Buffer.alloc(width);
  head.writeUIntBE(bytes.length, 0, width);
  return Buffer.concat([head, bytes]);
};

const extension = (type: number, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([type >> 8, type & 255]), sized(2, content)]);

const nameEntry = (name: string, type = 0): Buffer => Buffer.concat([Buffer.from([type]), sized(2, Buffer.from(name))]);
const serverName = (...entries: Buffer[]): Buffer => extension(0, sized(2, Buffer.concat(entries)));

function hello(...extensions: Buffer[]): Buffer {
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32),
    sized(1, Buffer.alloc(32)),
    sized(2, Buffer.from([0x0a, 0x0a, 0x13, 0x01])),
    sized(1, Buffer.from([0])),
    sized(2, Buffer.concat(extensions)),
  ]);
  return Buffer.concat([Buffer.from([1]), sized(3, body)]);
}

describe("the name in a ClientHello", () => {
  it("is read from what node sends, from every way to cut it, and is missing where it is", async () => {
    const bytes = await realHello("Good.test");
    expect(readClientHello(bytes)).toEqual({ serverName: "good.test" });
    expect(readClientHello(await realHello(undefined))).toEqual({ serverName: null });
    for (let cut = 0; cut < bytes.length; cut += 1) expect(readClientHello(bytes.subarray(0, cut))).toBeUndefined();
    const message = bytes.subarray(5);
    for (const size of [1, 3, 100]) {
      const records = [];
      for (let at = 0; at < message.length; at += size) records.push(record(message.subarray(at, at + size)));
      expect(readClientHello(Buffer.concat(records))).toEqual({ serverName: "good.test" });
    }
  });

  it.each([
    [
      "among GREASE and an encrypted hello",
      hello(
        extension(0x0a0a, Buffer.alloc(0)),
        extension(0xfe0d, Buffer.alloc(200)),
        serverName(nameEntry("good.test")),
        extension(0x1a1a, Buffer.alloc(1)),
      ),
      { serverName: "good.test" },
    ],
    ["before early data", Buffer.concat([hello(serverName(nameEntry("good.test")))]), { serverName: "good.test" }],
    [
      "twice as an extension",
      hello(serverName(nameEntry("good.test")), serverName(nameEntry("evil.test"))),
      "malformed",
    ],
    ["twice in the list", hello(serverName(nameEntry("good.test"), nameEntry("evil.test"))), "malformed"],
    ["of another kind", hello(serverName(nameEntry("good.test", 1))), "malformed"],
    ["empty", hello(serverName(nameEntry(""))), "malformed"],
    ["with NUL", hello(serverName(nameEntry("evil.test\0.good.test"))), "malformed"],
    [
      "in an extension that is too long",
      hello(Buffer.concat([Buffer.from([0, 0, 0, 99]), nameEntry("good.test")])),
      "malformed",
    ],
    ["in a ServerHello", Buffer.concat([Buffer.from([2]), hello().subarray(1)]), "malformed"],
  ])("%s", (_, message, expected) => {
    expect(readClientHello(record(message))).toEqual(expected);
  });

  it.each([
    ["an empty record", Buffer.from([0x16, 3, 1, 0, 0])],
    ["a record that is too large", Buffer.from([0x16, 3, 1, 0xff, 0xff, 1])],
    ["an alert in the middle", Buffer.concat([record(hello().subarray(0, 20)), Buffer.from([0x15, 3, 3, 0, 2, 1, 0])])],
  ])("is not looked for behind %s", (_, bytes) => {
    expect(readClientHello(bytes)).toBe("malformed");
  });
});

describe("first bytes that are looked at again with each one that comes", () => {
  const cut = Buffer.concat(Array.from({ length: 10_000 }, (_, at) => record(Buffer.from([[1, 0, 0xff][at] ?? 0]))));
  it.each([
    ["a hello cut into single bytes", 3000, cut],
    ["spaces and then no line", 30, Buffer.from(`GET${" ".repeat(16_000)}\0`)],
    ["a line that does not end", 300, Buffer.from(`GET ${"a /".repeat(5000)}`)],
    ["blank lines", 300, Buffer.from("\r\n".repeat(8000))],
  ])("cost little: %s", (_, times, bytes) => {
    const began = Date.now();
    for (let time = 0; time < times; time += 1) readOpening(bytes);
    expect(Date.now() - began).toBeLessThan(1500);
  });
});

describe("what may open a tunnel", () => {
  const named = { host: "good.test", isAddress: false };
  const tls = (name: string | null) => ({ kind: "tls", serverName: name }) as const;

  it.each([
    ["TLS to the name", tls("good.test"), 443, {}, null],
    ["TLS to another name", tls("evil.test"), 443, {}, "sni_mismatch"],
    ["TLS to a name below", tls("a.good.test"), 443, {}, "sni_mismatch"],
    ["TLS to nobody", tls(null), 8443, {}, "sni_missing"],
    ["TLS to another name where any will do", tls("evil.test"), 443, { sni: "any" }, null],
    [
      "TLS to nobody at an address",
      tls(null),
      443,
      { target: { host: "192.0.2.1", isAddress: true, port: 443 } },
      null,
    ],
    ["broken TLS", { kind: "broken_tls" }, 443, {}, "bad_request"],
    ["plain HTTP on 443", { kind: "http" }, 443, {}, "sni_missing"],
    ["plain HTTP on 80", { kind: "http" }, 80, {}, null],
    ["HTTP/2 without TLS", { kind: "http2" }, 8080, {}, "bad_request"],
    ["anything on 443", { kind: "other" }, 443, {}, "sni_missing"],
    ["anything on 443 where any will do", { kind: "other" }, 443, { sni: "any" }, null],
    ["anything on 80", { kind: "other" }, 80, {}, "bad_request"],
    ["anything on 22", { kind: "other" }, 22, {}, null],
    ["anything where a rule looks at paths", { kind: "other" }, 8080, { inspect: true }, "method_not_allowed"],
    ["TLS where a rule looks at paths", tls("good.test"), 443, { inspect: true }, "method_not_allowed"],
    ["HTTP where a rule looks at paths", { kind: "http" }, 8080, { inspect: true }, null],
  ] as const)("%s", (_, opening, port, more, reason) => {
    const passage = { target: { ...named, port }, decision, generation: 0, sni: "name" as const, ...more };
    expect(openingProblem(opening, passage, false)?.reason ?? null).toBe(reason);
  });

  it.each([
    ["GET / HTTP/1.1\r\n", "http"],
    ["FOO\thttp://x/ HTTP/1.1\n", "http"],
    ["\r\n\r\nGET / HTTP/1.1\r\n", "http"],
    ["GET / http/1.1\r\n", "http"],
    ["GET\x0b/\x85HTTP/1.1;\r\n", "http"],
    [`GET /${"a".repeat(20_000)}`, "http"],
    ["PRI * HTTP/2.0\r\n", "http2"],
    ["SSH-2.0-x\r\n", "other"],
    ["USER x\r\n", "other"],
    ["\0\0\0\x08", "other"],
    ["AMQP\0\0\x09\x01", "other"],
    ["*1\r\n$4\r\nPING\r\n", "other"],
    ["GET / RTSP/1.0\r\n", "http"],
    ["SOURCE /a ICE/1.0\r\n", "http"],
    ["OPTIONS * RTSP/1.0\r\n", "http"],
    ["POST * RTSP/1.0\r\n", "http"],
    ["POST **TTP/1.1\r\n", "http"],
    ["POST *\r\n", "http"],
    ["TEARDOWN *x\r\n", "http"],
    ["PUT office/365 1\r\n", "other"],
    ["X / ANY/1.1\r\n", "http"],
    ["{X file:/ ANY\r\n", "http"],
    ["GET x\r\n", "http"],
    ["A".repeat(20_000), "http"],
    ["\x16\x02\x01\0\x05\x01", "broken_tls"],
    ["\x16\x0f\0\0\x05\x01", "broken_tls"],
    ["\x15\x03\x01\0\x02\x01\x5a\x16\x03\x01", "broken_tls"],
    ["\x15\x03\x01\0\x02\x03\x5a", "other"],
    ["\x16\x10", "other"],
    ["\x16\0\xff\x05\x0cexample.test", "other"],
    ["0032git-upload-pack /project.git\0host=good.test\0", "other"],
    ["SELECT * FROM x\n", "other"],
    ["get key\r\n", "other"],
    ["INVITE sip:bob@good.test SIP/2.0\r\n", "other"],
    ['{"path": "/x"}\n', "other"],
    ["{X /", "other"],
    ["A".repeat(40), undefined],
    ["\x16\x02", undefined],
    ["\x15\x03\x01\0", undefined],
    ["GET / HT", undefined],
    ["G", undefined],
    ["\x16", undefined],
  ])("%j is recognised", (text, kind) => {
    expect(readOpening(Buffer.from(text, "latin1"))?.kind).toBe(kind);
  });
});
