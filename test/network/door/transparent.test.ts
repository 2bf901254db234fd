import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import type { DoorOptions } from "../../../src/network/door/door.ts";
import { readOpening } from "../../../src/network/tls/opening.ts";
import { realHello } from "../tls/real-hello.ts";
import { listen, openOrigin, openSink, openStand, Wire, type Stand } from "./stand.ts";

const synthetic = "127.0.0.77";
const originalOf = (address: string): string | null => (address === synthetic ? "good.test" : null);

/** A transparent door on a made-up address, at the port of a server on the real one. */
async function openTransparent(
  at: string,
  port: number,
  options: Partial<DoorOptions> & { allow?: string[] },
): Promise<Stand> {
  const stand = await openStand({ originalOf, role: "transparent", ...options });
  const server = createServer();
  await listen(server, at, port);
  stand.door.serve(server, "transparent");
  return stand;
}

describe("a program that knows nothing of a proxy", () => {
  it("reaches the name behind a made-up address, and hears a server that speaks first", async () => {
    const sink = await openSink((socket) => socket.write("SSH-2.0-server\r\n"));
    const { gate, events } = await openTransparent(synthetic, sink.port, {});
    const wire = new Wire(sink.port, synthetic);
    await wire.untilText("SSH-2.0-server");
    wire.send("SSH-2.0-client\r\n");
    await wire.until(() => sink.bytes() === "SSH-2.0-client\r\n");
    expect(gate.located).toEqual(["good.test"]);
    expect(events[0]).toMatchObject({ kind: "allowed", protocol: "transparent", target: { host: "good.test" } });
  });

  it("is reset at a name that is refused, and at a loopback address that no rule names", async () => {
    const sink = await openSink();
    const { gate, events } = await openTransparent(synthetic, sink.port, { allow: [] });
    await new Wire(sink.port, synthetic).untilClosed();
    expect(events.map(({ kind }) => kind)).toEqual(["refused"]);
    const other = await openTransparent("127.0.0.78", sink.port, {});
    await new Wire(sink.port, "127.0.0.78").untilClosed();
    expect([...gate.located, ...other.gate.located, sink.connections()]).toEqual([0]);
  });

  it("reaches a literal address that a rule names", async () => {
    const sink = await openSink((socket) => socket.write("hello"), "127.0.0.1");
    const { gate } = await openTransparent("127.0.0.78", sink.port, { allow: ["127.0.0.78"] });
    gate.locate = () => Promise.resolve({ ok: true, value: [{ address: "127.0.0.1", family: 4 }] });
    await new Wire(sink.port, "127.0.0.78").untilText("hello");
  });

  it("speaks plain HTTP to that name alone", async () => {
    const origin = await openOrigin();
    await openTransparent(synthetic, origin.port, {});
    const get = (host: string): string => `GET /x HTTP/1.1\r\nHost: ${host}:${origin.port}\r\n\r\n`;
    const wire = new Wire(origin.port, synthetic).send(get("good.test"));
    await wire.untilText("GET /x");
    wire.send(get("evil.test"));
    expect(await wire.untilText("host_mismatch")).toContain("HTTP/1.1 400");
    expect(origin.seen).toHaveLength(1);
  });

  it("speaks TLS to that name alone", async () => {
    const sink = await openSink();
    await openTransparent(synthetic, sink.port, {});
    const refused = new Wire(sink.port, synthetic).send(await realHello("evil.test"));
    expect((await refused.untilClosed()).charCodeAt(0)).toBe(0x15);
    expect(sink.bytes()).toBe("");
    new Wire(sink.port, synthetic).send(await realHello("good.test"));
    await refused.until(() => sink.bytes().length > 100);
    expect(readOpening(Buffer.from(sink.bytes(), "latin1"))).toEqual({ kind: "tls", serverName: "good.test" });
  });
});

describe.skipIf(process.getuid?.() !== 0)("the well-known ports", () => {
  it("443 connects nowhere before the name in TLS is the right one", async () => {
    const sink = await openSink();
    const { gate } = await openTransparent("127.0.0.79", 443, {
      originalOf: (address) => (address === "127.0.0.79" ? "good.test" : null),
      limits: { firstByteTime: 200 },
    });
    gate.locate = () => Promise.resolve({ ok: true, value: [{ address: "127.0.0.1", family: 4 }] });
    const silent = new Wire(443, "127.0.0.79");
    const wrong = new Wire(443, "127.0.0.79").send("GET / HTTP/1.1\r\n\r\n");
    await wrong.untilClosed();
    await silent.untilClosed();
    expect(sink.connections()).toBe(0);
  });

  it("80 answers a refusal in words, and takes HTTP alone", async () => {
    const { events } = await openTransparent("127.0.0.79", 80, {
      originalOf: (address) => (address === "127.0.0.79" ? "evil.test" : null),
    });
    const refused = new Wire(80, "127.0.0.79").send("GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n");
    expect(await refused.untilText('"status":"blocked"')).toContain("HTTP/1.1 403");
    const other = new Wire(80, "127.0.0.79").send("\0\0\0\x08");
    expect(await other.untilClosed()).toContain("HTTP/1.1 400");
    expect(events.every(({ kind }) => kind === "refused")).toBe(true);
  });
});
