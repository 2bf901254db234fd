import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { expect, describe, it, onTestFinished } from "vitest";
import { makeAuthority } from "../../../src/network/intercept/certificates.ts";
import { SecondHello } from "../../../src/network/tls/second-hello.ts";
import { listen, openStand } from "../door/stand.ts";
import type { Stand } from "../door/stand.ts";

/** What a client that knows curves the server does not want is made to say: two hellos, and what comes between. */
async function greetings(name: string): Promise<{ readonly said: readonly Buffer[]; readonly answered: Buffer }> {
  const { port, said, answered } = await openServer();
  const client = connectTls({ port, host: "127.0.0.1", servername: name, rejectUnauthorized: false });
  await once(client, "secureConnect");
  client.destroy();
  return { said, answered: Buffer.concat(answered) };
}

/** A server for TLS that asks clients to greet again, and repeats what it hears; in front of it, all that is said. */
async function openServer(): Promise<{ readonly port: number; readonly said: Buffer[]; readonly answered: Buffer[] }> {
  const { key, cert } = (await makeAuthority(1)).issue("good.test");
  const sockets = new Set<Socket>();
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  const inner = await listen(
    createServer((socket) => {
      sockets.add(socket);
      const secured = new TLSSocket(socket, { isServer: true, key, cert, ecdhCurve: "P-384", minVersion: "TLSv1.3" });
      secured.on("error", () => {}).on("data", (chunk) => secured.write(chunk));
    }),
  );
  const said: Buffer[] = [];
  const answered: Buffer[] = [];
  const port = await listen(
    createServer((socket) => {
      const server = connect(inner, "127.0.0.1");
      sockets.add(socket).add(server);
      socket.on("error", () => {}).on("data", (chunk) => said.push(chunk));
      server.on("error", () => {}).on("data", (chunk) => answered.push(chunk));
      socket.pipe(server).pipe(socket);
    }),
  );
  return { port, said, answered };
}

const renamed = (chunk: Buffer): Buffer =>
  Buffer.from(chunk.toString("latin1").replaceAll("good.test", "evil.test"), "latin1");

/** Through the door to the server; what is said after the first hello is `edit`ed on its way. */
async function speak(door: Stand, to: number, edit: (chunk: Buffer) => Buffer): Promise<string> {
  const between = await listen(
    createServer((client) => {
      const wire = connect(door.port, "127.0.0.1");
      onTestFinished(() => void wire.destroy());
      wire.write(`CONNECT good.test:${to} HTTP/1.1\r\nHost: good.test:${to}\r\n\r\n`);
      wire.once("data", () => {
        let pieces = 0;
        client.on("data", (chunk) => wire.write(pieces++ === 0 ? chunk : edit(chunk)));
        wire.pipe(client);
      });
      wire.on("error", () => {}).on("close", () => client.destroy());
      client.on("error", () => {});
    }),
  );
  const secured = connectTls({ port: between, host: "127.0.0.1", servername: "good.test", rejectUnauthorized: false });
  onTestFinished(() => void secured.destroy());
  return new Promise((resolve) => {
    secured.on("error", (error) => resolve(error.message)).on("close", () => resolve("closed"));
    secured.on("data", (chunk) => resolve(chunk.toString()));
    secured.write("hi");
  });
}

describe("a client that is asked to greet again", () => {
  it("is let through with the name it had", async () => {
    const { port, said } = await openServer();
    expect(await speak(await openStand(), port, (chunk) => chunk)).toBe("hi");
    // It was asked, or this shows nothing.
    expect(Buffer.concat(said).toString("latin1").split("good.test")).toHaveLength(3);
  });

  it("gets no further with another, of which the server hears nothing", async () => {
    const { port, said } = await openServer();
    const stand = await openStand();
    expect(await speak(stand, port, renamed)).not.toBe("hi");
    const heard = Buffer.concat(said).toString("latin1");
    expect([heard.includes("good.test"), heard.includes("evil.test")]).toEqual([true, false]);
    expect(stand.events.map(({ refusal }) => refusal?.reason)).toContain("sni_mismatch");
  });

  it("may take any name where its rule says so: the twin", async () => {
    const { port, said } = await openServer();
    const stand = await openStand();
    stand.gate.allowed.set("good.test", { sni: "any" });
    await speak(stand, port, renamed);
    expect(Buffer.concat(said).toString("latin1")).toContain("evil.test");
  });
});

describe("the second hello", () => {
  const changed = Buffer.from([0x14, 3, 3, 0, 1, 1]);
  const early = Buffer.concat([Buffer.from([0x17, 3, 3, 0, 200]), Buffer.alloc(200, 0x16)]);

  it.each<readonly [string, (first: Buffer, second: Buffer) => Buffer]>([
    ["as it comes", (first, second) => Buffer.concat([first, second])],
    ["behind a change of ciphers", (first, second) => Buffer.concat([first, changed, second])],
    ["behind early data", (first, second) => Buffer.concat([first, changed, early, early, second])],
    [
      "in the record of the first",
      (first, second) => {
        const whole = Buffer.concat([first, second.subarray(5)]);
        whole.writeUInt16BE(whole.length - 5, 3);
        return whole;
      },
    ],
    [
      "in records of one byte",
      (first, second) =>
        Buffer.concat([first, ...[...second.subarray(5)].map((byte) => Buffer.from([0x16, 3, 3, 0, 1, byte]))]),
    ],
  ])("is found %s, however it is cut, and only its whole is judged", async (_, join) => {
    const { said } = await greetings("good.test");
    const [first = Buffer.alloc(0)] = said;
    const second = renamed(first);
    for (const size of [1, 7, 100_000]) {
      const watched = new SecondHello("good.test");
      const same = new SecondHello("good.test");
      const found = cut(join(first, second), size).map((piece) => watched.client(piece)?.reason ?? null);
      expect([found.indexOf("sni_mismatch"), found.filter((each) => each !== null)]).toEqual([
        found.length - 1,
        ["sni_mismatch"],
      ]);
      expect(cut(join(first, first), size).every((piece) => same.client(piece) === null)).toBe(true);
    }
  });

  it("is none, and nothing is looked at, once the server has asked for none", async () => {
    const { said, answered } = await greetings("good.test");
    const [first = Buffer.alloc(0)] = said;
    for (const [answer, isOver] of [
      [answered, false],
      [Buffer.from([0x15, 3, 3, 0, 2, 2, 40]), true],
      [Buffer.concat([answered.subarray(0, 20), Buffer.alloc(99)]), true],
    ] as const) {
      const hello = new SecondHello("good.test");
      expect(hello.client(first)).toBeNull();
      const heard = cut(answer, 10).map((piece) => hello.server(piece));
      expect(heard.slice(heard.indexOf(true))).not.toContain(false);
      expect(heard).toContain(true);
      expect(hello.client(renamed(first)) === null).toBe(isOver);
    }
  });

  it.each([
    ["the next message of an older version", Buffer.from([0x16, 3, 3, 0, 5, 0x10, 0, 0, 1, 0]), null],
    ["one that never ends", Buffer.from([0x16, 3, 3, 0, 5, 1, 0xff, 0xff, 0xff, 0]), "bad_request"],
    ["an empty one", Buffer.from([0x16, 3, 3, 0, 4, 1, 0, 0, 0]), "bad_request"],
  ])("is not %s", async (_, bytes, reason) => {
    const { said } = await greetings("good.test");
    const hello = new SecondHello("good.test");
    expect(hello.client(said[0] ?? Buffer.alloc(0))).toBeNull();
    expect(hello.client(bytes)?.reason ?? null).toBe(reason);
  });
});

function cut(bytes: Buffer, size: number): readonly Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
}
