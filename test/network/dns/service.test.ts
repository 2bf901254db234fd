import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { decode, encode } from "dns-packet";
import type { DecodedPacket, Packet } from "dns-packet";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serveDns } from "../../../src/network/dns/service.ts";
import type { DnsService, DnsServiceOptions } from "../../../src/network/dns/service.ts";
import type { DoorEvent, Gate, Target } from "../../../src/network/decide/gate.ts";
import { makeSyntheticNames } from "../../../src/network/names/synthetic.ts";

/** Lets `good.test` and what is below it pass. */
const gate: Pick<Gate, "admit"> = {
  admit: async (target: Target, protocol) => {
    const decision = {
      effect: "allow",
      reason: "granted",
      rule: null,
      provenance: null,
      where: "host",
      suggestion: null,
    } as const;
    return /^(?:.*\.)?good\.test$/.test(target.host)
      ? { ok: true, value: { target, decision, generation: 1, sni: "name" } }
      : {
          ok: false,
          refusal: { status: 403, reason: "network_not_allowed", target, protocol, decision: null, message: "no rule" },
        };
  },
};

let udp: UdpSocket;
let tcp: Server;
let service: DnsService;
let port: number;
let events: DoorEvent[];

/** The same port for both, which may take more than one try. */
async function bind(): Promise<void> {
  for (let turn = 0; ; turn++) {
    udp = createSocket("udp4");
    udp.bind(0, "127.0.0.1");
    await once(udp, "listening");
    ({ port } = udp.address());
    tcp = createServer();
    tcp.listen(port, "127.0.0.1");
    try {
      await once(tcp, "listening");
      return;
    } catch (error) {
      udp.close();
      if (turn > 5) throw error;
    }
  }
}

async function start(options: Partial<DnsServiceOptions> = {}): Promise<void> {
  await bind();
  events = [];
  const whole: Gate = {
    ...gate,
    admit: gate.admit,
    request: () => unasked(),
    locate: () => unasked(),
    stillAllowed: () => unasked(),
  };
  const observe = (event: DoorEvent): void => void events.push(event);
  service = serveDns({ gate: whole, names: makeSyntheticNames(), observe, udp: [udp], tcp: [tcp], ...options });
}

function unasked(): never {
  throw new Error("nobody asks this for DNS");
}

beforeEach(() => start());
afterEach(() => service.close());

function resolver(): Resolver {
  const made = new Resolver({ timeout: 2000, tries: 1 });
  made.setServers([`127.0.0.1:${port}`]);
  return made;
}

async function ask(message: Buffer, wait = 1000): Promise<Buffer | null> {
  const socket = createSocket("udp4");
  try {
    const reply = new Promise<Buffer | null>((resolve) => {
      socket.on("message", resolve);
      setTimeout(() => resolve(null), wait);
    });
    socket.send(message, port, "127.0.0.1");
    return await reply;
  } finally {
    socket.close();
  }
}

function question(name: string, type: string, more: Partial<Packet> = {}): Buffer {
  const bytes = encode({ type: "query", id: 7, flags: 256, questions: [{ name, type: "A" }], ...more });
  const types: Readonly<Record<string, number>> = {
    A: 1,
    AAAA: 28,
    MX: 15,
    TXT: 16,
    HTTPS: 65,
    SVCB: 64,
    PTR: 12,
    ANY: 255,
  };
  const at = 12 + Buffer.byteLength(name) + 2;
  bytes.writeUInt16BE(types[type] ?? 1, at);
  return bytes;
}

const edns: Partial<Packet> = {
  additionals: [
    {
      type: "OPT",
      name: ".",
      udpPayloadSize: 1232,
      extendedRcode: 0,
      ednsVersion: 0,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ],
};

interface Shown {
  readonly rcode: number;
  readonly answers: readonly unknown[];
}

function shown(reply: Buffer | null): Shown | null {
  if (reply === null) return null;
  const packet: DecodedPacket = decode(reply);
  const answers = (packet.answers ?? []).map((record) => ("data" in record ? record.data : null));
  return { rcode: reply.readUInt16BE(2) & 15, answers };
}

describe("a question", () => {
  it.each<readonly [string, string, Shown]>([
    ["good.test", "A", { rcode: 0, answers: ["198.18.0.1"] }],
    ["GOOD.test", "A", { rcode: 0, answers: ["198.18.0.1"] }],
    ["a.good.test", "A", { rcode: 0, answers: ["198.18.0.1"] }],
    ["good.test", "AAAA", { rcode: 0, answers: [] }],
    ["good.test", "HTTPS", { rcode: 0, answers: [] }],
    ["good.test", "SVCB", { rcode: 0, answers: [] }],
    ["good.test", "MX", { rcode: 0, answers: [] }],
    ["good.test", "TXT", { rcode: 0, answers: [] }],
    ["good.test", "ANY", { rcode: 0, answers: [] }],
    ["evil.test", "A", { rcode: 3, answers: [] }],
    ["evil.test", "AAAA", { rcode: 3, answers: [] }],
    ["evil.test", "TXT", { rcode: 3, answers: [] }],
    ["_dmarc.good.test", "TXT", { rcode: 3, answers: [] }],
    ["127.0.0.1", "A", { rcode: 3, answers: [] }],
    ["localhost", "A", { rcode: 0, answers: ["127.0.0.1"] }],
    ["localhost", "AAAA", { rcode: 0, answers: ["::1"] }],
    ["app.localhost", "A", { rcode: 0, answers: ["127.0.0.1"] }],
    ["localhost", "MX", { rcode: 0, answers: [] }],
    ["notlocalhost", "A", { rcode: 3, answers: [] }],
    ["1.0.0.127.in-addr.arpa", "PTR", { rcode: 0, answers: ["localhost"] }],
    ["1.0.18.198.in-addr.arpa", "PTR", { rcode: 3, answers: [] }],
    ["8.8.8.8.in-addr.arpa", "PTR", { rcode: 3, answers: [] }],
  ])("for %s %s", async (name, type, expected) => {
    expect(shown(await ask(question(name, type)))).toEqual(expected);
  });

  it("is repeated to the byte, whatever its letter case and type", async () => {
    for (const message of [question("GoOd.TeSt", "HTTPS"), question("EvIl.TeSt", "A")]) {
      const reply = await ask(message);
      expect(reply?.subarray(12, message.length)).toEqual(message.subarray(12));
      expect(reply?.readUInt16BE(0)).toBe(7);
      expect((reply?.readUInt16BE(2) ?? 0) & 0x8180).toBe(0x8180);
    }
  });

  it("is answered by a platform's resolver in both protocols", async () => {
    expect(await resolver().resolve4("good.test")).toEqual(["198.18.0.1"]);
    await expect(resolver().resolve6("good.test")).rejects.toMatchObject({ code: "ENODATA" });
    await expect(resolver().resolve4("evil.test")).rejects.toMatchObject({ code: "ENOTFOUND" });
    expect(await resolver().reverse("198.18.0.1")).toEqual(["good.test"]);
  });

  it("that is refused says why to those who can read it", async () => {
    const reply = await ask(question("evil.test", "A", edns));
    expect(shown(reply)?.rcode).toBe(3);
    const [opt] = decode(reply ?? Buffer.alloc(0)).additionals ?? [];
    expect(opt).toMatchObject({ type: "OPT", options: [{ code: 15, data: Buffer.from("\0\x0fno rule") }] });
    expect(decode((await ask(question("evil.test", "A"))) ?? Buffer.alloc(0)).additionals).toEqual([]);
  });

  it("of another class is refused", async () => {
    const message = question("good.test", "A");
    message.writeUInt16BE(3, message.length - 2);
    expect(shown(await ask(message))?.rcode).toBe(5);
  });

  it("makes an event, once for an allowed name, with neither question nor answer in it", async () => {
    for (const [name, type] of [
      ["good.test", "A"],
      ["good.test", "AAAA"],
      ["evil.test", "A"],
    ] as const) {
      await ask(question(name, type));
    }
    expect(events.map(({ kind, protocol, target }) => [kind, protocol, target?.host])).toEqual([
      ["allowed", "dns", "good.test"],
      ["refused", "dns", "evil.test"],
    ]);
  });

  it("longer than UDP takes comes over TCP", async () => {
    const name = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.good.test`;
    const reply = await ask(question(name, "A"));
    expect((reply?.readUInt16BE(2) ?? 0) & 0x0200).toBe(0x0200);
    expect(await resolver().resolve4(name)).toEqual(["198.18.0.1"]);
    const large = await ask(question(name, "A", edns));
    expect(shown(large)?.answers).toEqual(["198.18.0.1"]);
  });
});

describe("limits", () => {
  it("of questions have those above them wait, and refuse at once who would wait too long", async () => {
    service.close();
    await start({ questionsPerSecond: 20 });
    const before = performance.now();
    const replies = await Promise.all(
      Array.from({ length: 120 }, async () => {
        const reply = await ask(question("good.test", "A"), 10_000);
        return { rcode: shown(reply)?.rcode, after: performance.now() - before };
      }),
    );
    const answered = replies.filter(({ rcode }) => rcode === 0);
    const refused = replies.filter(({ rcode }) => rcode === 5);
    expect(answered.length + refused.length).toBe(120);
    expect(answered.length).toBeGreaterThanOrEqual(100);
    expect(refused.length).toBeGreaterThanOrEqual(10);
    expect(Math.max(...refused.map(({ after }) => after))).toBeLessThan(2000);
    // No faster than the limit: eighty had to wait for four seconds' worth of it.
    expect(Math.max(...answered.map(({ after }) => after))).toBeGreaterThan(3500);
  });

  it("of names refuse the next, and keep the known", async () => {
    service.close();
    await start({ names: makeSyntheticNames(1) });
    const rcodes = [];
    for (const name of ["a.good.test", "b.good.test", "a.good.test"])
      rcodes.push(shown(await ask(question(name, "A")))?.rcode);
    expect(rcodes).toEqual([0, 5, 0]);
  });

  it("of connections close one more than that", async () => {
    service.close();
    await start({ connections: 1 });
    const first = connect(port, "127.0.0.1");
    await once(first, "connect");
    const second = connect(port, "127.0.0.1");
    second.on("error", () => undefined);
    await once(second, "close");
    expect(first.destroyed).toBe(false);
    first.destroy();
  });
});

const header = (counts: readonly number[], flags = 256): Buffer => {
  const bytes = Buffer.alloc(12);
  [7, flags, ...counts].forEach((value, index) => bytes.writeUInt16BE(value, 2 * index));
  return bytes;
};
const tail = Buffer.from([0, 1, 0, 1]);
const labels = (...parts: readonly (string | Buffer)[]): Buffer =>
  Buffer.concat([...parts.flatMap((part) => [Buffer.from([part.length]), Buffer.from(part)]), Buffer.from([0])]);

describe("a hostile message", () => {
  it.each<readonly [string, Buffer, number | null]>([
    ["nothing", Buffer.alloc(0), null],
    ["one byte", Buffer.from([1]), null],
    ["half a header", header([1, 0, 0, 0]).subarray(0, 11), null],
    ["an answer", header([1, 0, 0, 0], 0x8180), null],
    ["too long a message", Buffer.concat([question("good.test", "A"), Buffer.alloc(4000)]), null],
    ["a header alone", header([1, 0, 0, 0]), 1],
    ["no question", header([0, 0, 0, 0]), 1],
    [
      "two questions",
      Buffer.concat([header([2, 0, 0, 0]), labels("good", "test"), tail, labels("good", "test"), tail]),
      1,
    ],
    ["65,535 questions", Buffer.concat([header([65_535, 0, 0, 0]), labels("good", "test"), tail]), 1],
    ["65,535 answers", Buffer.concat([header([1, 65_535, 0, 0]), labels("good", "test"), tail]), 1],
    ["65,535 additional records", Buffer.concat([header([1, 0, 0, 65_535]), labels("good", "test"), tail]), 1],
    ["an additional record that is not there", Buffer.concat([header([1, 0, 0, 1]), labels("good", "test"), tail]), 1],
    ["an update", Buffer.concat([header([1, 0, 0, 0], 0x2800), labels("good", "test"), tail]), 4],
    ["a name that points at itself", Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xc0, 12]), tail]), 1],
    [
      "names that point at each other",
      Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xc0, 14, 0xc0, 12]), tail]),
      1,
    ],
    ["a name that points into the header", Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xc0, 0]), tail]), 1],
    ["a name that points behind the end", Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xff, 0xff]), tail]), 1],
    ["a label longer than the message", Buffer.concat([header([1, 0, 0, 0]), Buffer.from([63, 97]), tail]), 1],
    ["a label of a kind that is none", Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0x80, 97, 0]), tail]), 1],
    [
      "a question without its class",
      Buffer.concat([header([1, 0, 0, 0]), labels("good", "test"), Buffer.from([0, 1])]),
      1,
    ],
    [
      "a name of 300 bytes",
      Buffer.concat([header([1, 0, 0, 0]), labels(...Array.from({ length: 5 }, () => "a".repeat(59))), tail]),
      1,
    ],
    ["a label with a dot", Buffer.concat([header([1, 0, 0, 0]), labels("good.test"), tail]), 1],
    ["a label that ends in a dot", Buffer.concat([header([1, 0, 0, 0]), labels("good", "test."), tail]), 1],
    [
      "a label that is no UTF-8",
      Buffer.concat([header([1, 0, 0, 0]), labels(Buffer.from([0xff]), "good", "test"), tail]),
      1,
    ],
    ["a label with NUL", Buffer.concat([header([1, 0, 0, 0]), labels("evil\0", "good", "test"), tail]), 3],
    ["a label with a line break", Buffer.concat([header([1, 0, 0, 0]), labels("good", "test\n"), tail]), 3],
    ["the root", Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0]), tail]), 3],
  ])("%s", async (_, message, rcode) => {
    expect(shown(await ask(message, rcode === null ? 150 : 1000))?.rcode ?? null).toBe(rcode);
    expect(shown(await ask(question("good.test", "A")))).toEqual({ rcode: 0, answers: ["198.18.0.1"] });
  });

  it("of bytes by chance is survived", async () => {
    const whole = question("good.test", "A", edns);
    for (let at = 0; at < 300; at++) {
      const message = Buffer.from(whole);
      message[(at * 7) % message.length] = (at * 31) & 255;
      message[(at * 13) % message.length] = (at * 17) & 255;
      const socket = createSocket("udp4");
      await new Promise((resolve) => {
        socket.send(message.subarray(0, message.length - (at % 5)), port, "127.0.0.1", resolve);
      });
      socket.close();
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 1100);
    });
    expect(shown(await ask(question("good.test", "A")))?.rcode).toBe(0);
  });
});

describe("over TCP", () => {
  async function converse(chunks: readonly Buffer[]): Promise<Buffer> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const parts: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => void parts.push(chunk));
    socket.on("error", () => undefined);
    const closed = once(socket, "close");
    for (const chunk of chunks) {
      socket.write(chunk);
      await new Promise((resolve) => {
        setTimeout(resolve, 5);
      });
    }
    socket.end();
    await closed;
    return Buffer.concat(parts);
  }
  const framed = (message: Buffer, length = message.length): Buffer => {
    const size = Buffer.alloc(2);
    size.writeUInt16BE(length);
    return Buffer.concat([size, message]);
  };
  const count = (bytes: Buffer): number => {
    let messages = 0;
    for (let at = 0; at + 2 <= bytes.length; at += 2 + bytes.readUInt16BE(at)) messages++;
    return messages;
  };
  const good = question("good.test", "A");

  it.each<readonly [string, readonly Buffer[], number]>([
    ["one question", [framed(good)], 1],
    ["three at once", [Buffer.concat([framed(good), framed(good), framed(question("evil.test", "A"))])], 3],
    ["one in single bytes", [...framed(good)].map((byte) => Buffer.from([byte])), 1],
    ["a length of none", [framed(good, 0)], 0],
    ["a length that is too large", [framed(good, 65_535)], 0],
    ["a length that is larger than what comes", [framed(good, 1000)], 0],
    ["a length that is smaller", [framed(good, 5)], 0],
    ["a good one, then a length of none", [framed(good), framed(good, 0)], 1],
  ])("%s", async (_, chunks, answers) => {
    expect(count(await converse(chunks))).toBe(answers);
  });

  it("who says nothing is sent away", async () => {
    service.close();
    await start({ idleTime: 50 });
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write(framed(good, 1000));
    await once(socket, "close");
    expect(tcp.listening).toBe(true);
  });
});
