import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { listen, openOrigin, openSink, openStand, pause, Wire } from "./stand.ts";
import { aSecond } from "../../stage/a-second.ts";

const connect = (host: string, port: number): string =>
  `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;
const get = (host: string, port: number): string =>
  `GET http://${host}:${port}/ HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;

describe("a policy that changes", () => {
  it("cuts tunnels and answers under way that it forbids, and no others", async () => {
    const sink = await openSink();
    const origin = await openOrigin((_, response) => void response.write("begun"));
    const { door, port, gate } = await openStand({ allow: ["good.test", "other.test"] });
    const forbidden = [
      new Wire(port).send(`${connect("good.test", sink.port)}\0a`),
      new Wire(port).send(get("good.test", origin.port)),
    ];
    const kept = new Wire(port).send(`${connect("other.test", sink.port)}\0b`);
    await kept.until(() => sink.bytes().length === 4);
    await forbidden[1]?.untilText("begun");
    gate.allowed.delete("good.test");
    const began = Date.now();
    door.update();
    for (const wire of forbidden) await wire.untilClosed();
    expect(Date.now() - began).toBeLessThan(aSecond);
    kept.send("more");
    await kept.until(() => sink.bytes().endsWith("more"));
    const again = new Wire(port).send(connect("good.test", sink.port));
    expect(await again.untilClosed()).toContain("403");
  });

  it("lets nothing through that was asked before and connects after", async () => {
    const sink = await openSink();
    const { door, port, gate } = await openStand();
    const locate = gate.locate.bind(gate);
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    let asked = 0;
    gate.locate = async (passage) => {
      asked += 1;
      await answered;
      return locate(passage);
    };
    const tunnel = new Wire(port).send(connect("good.test", sink.port));
    const request = new Wire(port).send(get("good.test", sink.port));
    await tunnel.until(() => asked === 2);
    gate.allowed.clear();
    door.update();
    answer();
    await Promise.all([tunnel.untilText("draining"), request.untilText("draining")]);
    expect(sink.connections()).toBe(0);
  });
});

describe("a door that closes", () => {
  it("ends what is open and takes nobody in", async () => {
    const sink = await openSink();
    const { door, port } = await openStand();
    const wire = new Wire(port).send(`${connect("good.test", sink.port)}\0a`);
    await wire.until(() => sink.bytes() === "\0a");
    door.close();
    await wire.untilClosed();
    const late = new Wire(port);
    await late.until(({ closed }) => closed);
  });
});

describe("limits", () => {
  it("refuse one connection too many, and take it once another has gone", async () => {
    const sink = await openSink();
    const { port } = await openStand({ limits: { connections: 2 } });
    const first = new Wire(port).send(`${connect("good.test", sink.port)}\0a`);
    const second = new Wire(port).send(`${connect("good.test", sink.port)}\0b`);
    await second.until(() => sink.bytes().length === 4);
    expect(await new Wire(port).send(connect("good.test", sink.port)).untilClosed()).toMatch(
      /^HTTP\/1.1 503 [^]*"limit"/,
    );
    first.socket.resetAndDestroy();
    await pause(50);
    await new Wire(port).send(connect("good.test", sink.port)).untilText("200");
  });

  it("bound the size of a head, its time, and silence", async () => {
    const { port } = await openStand({ limits: { headerBytes: 4096, headerTime: 100, firstByteTime: 100 } });
    const large = new Wire(port).send(`GET http://good.test/ HTTP/1.1\r\nX: ${"a".repeat(9000)}`);
    expect(await large.untilClosed()).toMatch(/^HTTP\/1.1 431/);
    const slow = new Wire(port).send("GET http://good.test/ HTTP/1.1\r\nHost: ");
    expect(await slow.untilClosed()).toMatch(/^HTTP\/1.1 408/);
    expect(await new Wire(port).untilClosed()).toBe("");
  });

  it("bound the time of the second head on a connection, not the pause before it", async () => {
    const origin = await openOrigin();
    const { port } = await openStand({ limits: { headerTime: 100 } });
    const wire = new Wire(port).send(get("good.test", origin.port));
    await wire.untilText("GET /");
    await pause(300);
    expect(wire.ended).toBe(false);
    wire.send("GET http://good.test/");
    expect(await wire.untilClosed()).toContain("HTTP/1.1 408");
  });

  it("bound the requests that wait on one connection", async () => {
    const origin = await openOrigin((_, response) => void setTimeout(() => response.end("ok"), 30));
    const { port } = await openStand({ limits: { pipelined: 5 } });
    const wire = new Wire(port).send(get("good.test", origin.port).repeat(20));
    const text = await wire.untilClosed();
    expect(text.match(/HTTP\/1.1 200/g)).toHaveLength(5);
    expect(text).toContain("HTTP/1.1 429");
    expect(origin.seen).toHaveLength(5);
  });

  it("bound the requests of all connections together, and take more once they are answered", async () => {
    const waiting: (() => void)[] = [];
    const origin = await openOrigin((_, response) => void waiting.push(() => void response.end("ok")));
    const { port } = await openStand({ limits: { connections: 8 } });
    const wires = [0, 1].map(() => new Wire(port).send(get("good.test", origin.port).repeat(4)));
    await wires[1]?.until(() => waiting.length === 8);
    expect(await new Wire(port).send(get("good.test", origin.port)).untilClosed()).toMatch(
      /^HTTP\/1.1 503 [^]*"limit"/,
    );
    for (const answer of waiting.splice(0)) answer();
    await wires[0]?.until(({ text }) => text.match(/200 OK/g)?.length === 4);
    const again = new Wire(port).send(get("good.test", origin.port));
    await again.until(() => waiting.length === 1);
    for (const answer of waiting) answer();
    await again.untilText("200 OK");
  });

  it("bound the connections to servers that are kept for later, whoever they lead to", async () => {
    const origin = await openOrigin();
    const names = Array.from({ length: 12 }, (_, index) => `n${index}.test`);
    const { port } = await openStand({ allow: names, limits: { connections: 32 } });
    const wires = names.map((name) => new Wire(port).send(get(name, origin.port)));
    for (const wire of wires) await wire.untilText("200 OK");
    await pause(50);
    const open = await new Promise<number>((resolve) => origin.server.getConnections((_, count) => resolve(count)));
    expect(open).toBe(4);
    await wires[0]?.send(get("n0.test", origin.port)).until(({ text }) => text.match(/200 OK/g)?.length === 2);
  });

  it.each([
    ["tunnel", (port: number) => connect("good.test", port), { receivedBytes: 100_000 }],
    ["answer", (port: number) => get("good.test", port), { receivedBytes: 100_000 }],
  ])("cut a %s that brings more bytes than the run may have, and begin no other", async (_, ask, limits) => {
    const server = createServer((__, response) => response.end(Buffer.alloc(5_000_000)));
    const origin = await listen(server);
    const { port, events } = await openStand({ limits });
    const wire = new Wire(port).send(ask(origin));
    if (_ === "tunnel") wire.send(`GET / HTTP/1.1\r\nHost: good.test:${origin}\r\n\r\n`);
    await wire.untilClosed();
    expect(wire.text.length).toBeLessThan(300_000);
    expect(events.map(({ refusal }) => refusal?.reason)).toContain("limit");
    expect(await new Wire(port).send(get("good.test", origin)).untilClosed()).toContain("HTTP/1.1 429");
  });
});
