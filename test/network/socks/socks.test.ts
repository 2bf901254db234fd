import { describe, expect, it } from "vitest";
import { openSink, openStand, pause, Wire } from "../door/stand.ts";

const greeting = Buffer.from([5, 1, 0]);
const name = (host: string, port: number, command = 1): Buffer =>
  Buffer.concat([
    Buffer.from([5, command, 0, 3, Buffer.byteLength(host, "latin1")]),
    Buffer.from(host, "latin1"),
    Buffer.from([port >> 8, port & 255]),
  ]);
const address = (kind: 1 | 4, bytes: number[], port: number): Buffer =>
  Buffer.from([5, 1, 0, kind, ...bytes, port >> 8, port & 255]);
const replyCode = (wire: Wire): number | undefined => Buffer.from(wire.text, "latin1")[3];

/** Sends a request after a greeting and tells the reply's code. */
async function ask(port: number, request: Buffer): Promise<number | undefined> {
  const wire = new Wire(port).send(greeting).send(request);
  await wire.until(() => wire.text.length >= 12);
  return replyCode(wire);
}

describe("SOCKS5", () => {
  it("carries bytes to a name and to literal addresses, also when a byte comes at a time", async () => {
    const sink = await openSink((socket) => socket.write("banner"));
    const { port, gate, events } = await openStand({ allow: ["good.test", "127.0.0.1"] });
    const wire = new Wire(port);
    for (const byte of [...greeting, ...name("Good.test", sink.port)]) {
      wire.send(Buffer.from([byte]));
      await pause(1);
    }
    await wire.untilText("banner");
    wire.send("\0data");
    await wire.until(() => sink.bytes() === "\0data");
    expect(await ask(port, address(1, [127, 0, 0, 1], sink.port))).toBe(0);
    expect(gate.located).toEqual(["good.test", "127.0.0.1"]);
    expect(events.map(({ kind, protocol }) => `${kind} ${protocol}`)).toContain("allowed socks5");
  });

  it("takes a greeting, a request and data in one piece", async () => {
    const sink = await openSink();
    const { port } = await openStand();
    const wire = new Wire(port).send(Buffer.concat([greeting, name("good.test", sink.port), Buffer.from("\0early")]));
    await wire.until(() => sink.bytes() === "\0early");
  });

  it("judges IPv6 and what is wrapped in it by its canonical spelling", async () => {
    const { port, gate } = await openStand();
    const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 127, 0, 0, 1];
    expect(await ask(port, address(4, mapped, 1))).toBe(2);
    expect(gate.located).toEqual([]);
  });

  it.each([
    ["a refused name", name("evil.test", 443), 2],
    ["a refused address", address(1, [10, 0, 0, 1], 443), 2],
    ["a server that is not there", name("good.test", 1), 5],
    ["BIND", name("good.test", 443, 2), 7],
    ["UDP ASSOCIATE", name("good.test", 443, 3), 7],
    ["an unknown kind of address", Buffer.from([5, 1, 0, 9, 1, 1]), 8],
    ["NUL in a name", name("evil.test\0.good.test", 443), 2],
    ["a line break in a name", name("good.test\r\nx", 443), 2],
    ["a port inside a name", name("good.test:22", 443), 2],
    ["an address in brackets as a name", name("[::1", 443), 2],
    ["user information in a name", name("x@good.test", 443), 2],
    ["no name", name("", 443), 2],
    ["port 0", name("good.test", 0), 2],
  ])("%s is answered with its code", async (_, request, code) => {
    const { port } = await openStand();
    expect(await ask(port, request)).toBe(code);
  });

  it.each([
    ["no methods", Buffer.from([5, 0])],
    ["another version in the request", Buffer.concat([greeting, Buffer.from([4, 1, 0, 1, 127, 0, 0, 1, 0, 1])])],
    ["a reserved byte that is set", Buffer.concat([greeting, Buffer.from([5, 1, 1, 1, 127, 0, 0, 1, 0, 1])])],
  ])("%s ends the connection", async (_, bytes) => {
    const { port, gate } = await openStand({ allow: ["127.0.0.1"] });
    await new Wire(port).send(bytes).untilClosed();
    expect(gate.located).toEqual([]);
  });

  it("does not wait for ever for the rest of a message", async () => {
    const { port } = await openStand({ limits: { headerTime: 80 } });
    await new Wire(port)
      .send(greeting)
      .send(Buffer.from([5, 1]))
      .untilClosed();
  });
});

describe("SOCKS5 with a secret", () => {
  const credentials = (password: string): Buffer =>
    Buffer.concat([Buffer.from([1, 1, 0x78, password.length]), Buffer.from(password)]);

  it("lets in who knows it", async () => {
    const sink = await openSink();
    const { port } = await openStand({ secret: "s3cret" });
    const wire = new Wire(port).send(Buffer.from([5, 2, 0, 2])).send(credentials("s3cret"));
    wire.send(name("good.test", sink.port)).send("\0hello");
    await wire.until(() => sink.bytes() === "\0hello");
    expect(wire.text.startsWith("\x05\x02\x01\x00\x05\x00")).toBe(true);
  });

  it.each([
    ["does not offer it", Buffer.from([5, 1, 0]), "\x05\xff"],
    ["has another", Buffer.concat([Buffer.from([5, 1, 2]), credentials("s3creT")]), "\x05\x02\x01\x01"],
    ["has the beginning", Buffer.concat([Buffer.from([5, 1, 2]), credentials("s3cre")]), "\x05\x02\x01\x01"],
    ["has nothing", Buffer.concat([Buffer.from([5, 1, 2]), credentials("")]), "\x05\x02\x01\x01"],
  ])("keeps out who %s", async (_, bytes, answer) => {
    const { port, events } = await openStand({ secret: "s3cret" });
    const wire = new Wire(port).send(bytes).send(name("good.test", 1));
    expect(await wire.untilClosed()).toBe(answer);
    expect(events.map(({ refusal }) => refusal?.reason)).toEqual(["credentials_missing"]);
  });
});
