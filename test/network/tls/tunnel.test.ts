import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openOrigin, listen, openSink, openStand, pause, Wire } from "../door/stand.ts";
import { realHello } from "./real-hello.ts";

let folder: string;
let key: Buffer;
let cert: Buffer;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sandboxed-tls-"));
  const files = ["-keyout", join(folder, "key"), "-out", join(folder, "cert")];
  const names = ["-subj", "/CN=good.test", "-addext", "subjectAltName=DNS:good.test"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", ...kind, ...files, ...names], { stdio: "ignore" });
  [key, cert] = [readFileSync(join(folder, "key")), readFileSync(join(folder, "cert"))];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const connect = (host: string, port: number): string =>
  `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;

async function openSecure(): Promise<number> {
  const server = createServer({ key, cert }, (socket: TLSSocket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => socket.write(`echo ${chunk.toString()}`));
  });
  return listen(server);
}

/** TLS through CONNECT: what the server echoes, or how it failed. */
async function speakTls(door: number, port: number, servername: string): Promise<string> {
  const raw = connectTcp(door, "127.0.0.1");
  raw.write(connect("good.test", port));
  await new Promise((resolve) => raw.once("data", resolve));
  return new Promise((resolve) => {
    const secure = connectTls({ socket: raw, servername, ca: cert, checkServerIdentity: () => undefined });
    secure.on("error", (error) => resolve(error.message));
    secure.on("data", (chunk) => {
      resolve(chunk.toString());
      secure.destroy();
    });
    secure.write("hi");
  });
}

describe("TLS through CONNECT", () => {
  it("passes to the name that was asked for", async () => {
    const { port, events } = await openStand();
    expect(await speakTls(port, await openSecure(), "good.test")).toBe("echo hi");
    expect(events[0]?.kind).toBe("allowed");
  });

  it("is refused with an alert to another name, and the server gets no byte", async () => {
    const sink = await openSink();
    const { port, events } = await openStand();
    expect(await speakTls(port, sink.port, "evil.test")).toMatch(/access denied/i);
    expect(sink.bytes()).toBe("");
    expect(events.map(({ kind, refusal }) => [kind, refusal?.reason])).toContainEqual(["refused", "sni_mismatch"]);
  });

  it("is put together from single bytes, and refused when it names nobody", async () => {
    const sink = await openSink();
    const { port } = await openStand();
    const hello = await realHello("good.test");
    const wire = new Wire(port).send(connect("good.test", sink.port));
    await wire.untilText("\r\n\r\n");
    for (const byte of hello.subarray(0, 60)) {
      wire.send(Buffer.from([byte]));
      await pause(1);
    }
    expect(sink.bytes()).toBe("");
    wire.send(hello.subarray(60));
    await wire.until(() => sink.bytes().length === hello.length);
    expect(sink.bytes()).toBe(hello.toString("latin1"));

    const nameless = new Wire(port).send(connect("good.test", sink.port)).send(await realHello(undefined));
    await nameless.untilClosed();
    expect(sink.bytes()).toHaveLength(hello.length);
  });

  it("may not dribble on for ever, or without end", async () => {
    const sink = await openSink();
    const { port } = await openStand({ limits: { headerTime: 100, headerBytes: 2000 } });
    const slow = new Wire(port).send(connect("good.test", sink.port)).send("\x16\x03\x01\x02");
    await slow.untilClosed();
    const endless = new Wire(port).send(connect("good.test", sink.port));
    endless.send(Buffer.concat([Buffer.from([0x16, 3, 1, 0x40, 0, 1, 0, 0xff, 0xff]), Buffer.alloc(9000)]));
    await endless.untilClosed();
    expect(sink.bytes()).toBe("");
  });
});

describe("other protocols through CONNECT", () => {
  it("hear a server that speaks first, at once", async () => {
    const sink = await openSink((socket) => socket.write("SSH-2.0-server\r\n"));
    const { port } = await openStand();
    const wire = new Wire(port).send(connect("good.test", sink.port));
    await wire.untilText("SSH-2.0-server");
    wire.send("SSH-2.0-client\r\n");
    await wire.until(() => sink.bytes() === "SSH-2.0-client\r\n");
  });

  it("may half-close either way", async () => {
    const sink = await openSink((socket) => socket.on("end", () => socket.end("and back")));
    const { port, events } = await openStand();
    const wire = new Wire(port).send(`${connect("good.test", sink.port)}\0question`);
    wire.socket.end();
    expect(await wire.untilText("and back")).toContain("200 Connection Established");
    expect(sink.bytes()).toBe("\0question");
    await wire.until(() => events.length === 2);
    expect(events[1]).toMatchObject({ kind: "closed", protocol: "https", sent: 9, received: 8 });
  });

  it("obey Host when they are HTTP after all", async () => {
    const origin = await openOrigin();
    const { port } = await openStand();
    const authority = `good.test:${origin.port}`;
    const get = (host: string): string => `GET /x HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    const wire = new Wire(port).send(connect("good.test", origin.port) + get(authority));
    await wire.untilText("GET /x");
    wire.send(get("evil.test"));
    await wire.untilText("host_mismatch");
    expect(origin.seen.map(({ headers }) => headers.host)).toEqual([authority]);
    const nested = new Wire(port).send(connect("good.test", origin.port) + connect("good.test", origin.port));
    expect(await nested.untilClosed()).toMatch(/HTTP\/1.1 400/);
  });

  it("get a clear answer when the host is refused, unreachable or malformed", async () => {
    const { port, gate } = await openStand();
    const answers = [];
    for (const text of [
      connect("evil.test", 443),
      connect("good.test", 1),
      "CONNECT good.test:0443 HTTP/1.1\r\n\r\n",
    ]) {
      answers.push((await new Wire(port).send(text).untilClosed()).split(" ")[1]);
    }
    expect(answers).toEqual(["403", "502", "400"]);
    expect(gate.located).toEqual(["good.test"]);
  });
});
