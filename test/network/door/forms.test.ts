import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import type { JournalEvent, RawProfile, ResolvedPolicy } from "../../../src/policy/index.ts";
import { resolve } from "../../../src/policy/index.ts";
import { serveEntrances, serveLoopback } from "../../../src/network/index.ts";
import type { ServedDoor, ServeOptions } from "../../../src/network/index.ts";
import { machine, profile } from "../../policy/machine.ts";
import { listen, openOrigin, openSink, Wire } from "./stand.ts";

const SECRET = "0123456789abcdef0123456789abcdef";

interface Standing {
  readonly port: number;
  readonly served: ServedDoor;
  readonly events: readonly JournalEvent[];
  /** What a client says more, as a header of HTTP and in the opening of SOCKS. */
  readonly proof: string;
  readonly socks: { readonly hello: string; readonly welcome: string };
}

type Form = (policy: ResolvedPolicy) => Promise<Standing>;

function options(policy: ResolvedPolicy): ServeOptions & { readonly events: JournalEvent[] } {
  const events: JournalEvent[] = [];
  const record = (event: JournalEvent): void => void events.push(event);
  return { policy, environment: new Map(), refused: () => {}, record, events };
}

/** By a listener of the run's own, and by one that everybody on the machine can reach. */
const forms: Readonly<Record<string, Form>> = {
  async entrances(policy) {
    const given = options(policy);
    const server = createServer({ allowHalfOpen: true });
    const port = await listen(server);
    const proxy = { serve: () => server };
    const served = serveEntrances({ proxy, transparent: new Map(), dns: null }, given);
    onTestFinished(() => served.close());
    return { port, served, events: given.events, proof: "", socks: { hello: "\x05\x01\x00", welcome: "\x05\x00" } };
  },
  async loopback(policy) {
    const given = options(policy);
    const served = await serveLoopback({ ...given, secret: SECRET });
    onTestFinished(() => served.close());
    const proof = `Proxy-Authorization: Basic ${Buffer.from(`run:${SECRET}`).toString("base64")}\r\n`;
    const hello = `\x05\x01\x02\x01\x03run${String.fromCharCode(SECRET.length)}${SECRET}`;
    return { port: served.port, served, events: given.events, proof, socks: { hello, welcome: "\x05\x02\x01\x00" } };
  },
};

type Network = NonNullable<RawProfile["network"]>;

const restricted = (domains: NonNullable<Network["domains"]>, http: Network["http"] = {}): ResolvedPolicy =>
  resolve(
    { layers: [{ layer: "user", profile: profile({ network: { mode: "restricted", domains, http } }) }] },
    machine(),
  );

/** `@` stands for an origin's authority that is allowed, `#` for one that is not, `!` for a port where nobody is. */
const requests: readonly string[] = [
  "GET http://@/ok HTTP/1.1\r\nHost: @\r\n",
  "POST http://@/ok HTTP/1.1\r\nHost: @\r\nContent-Length: 0\r\n",
  "DELETE http://@/ok HTTP/1.1\r\nHost: @\r\n",
  "GET http://@/closed HTTP/1.1\r\nHost: @\r\n",
  "POST http://@/ok HTTP/1.1\r\nHost: @\r\nX-HTTP-Method-Override: DELETE\r\nContent-Length: 0\r\n",
  "GET http://#/ok HTTP/1.1\r\nHost: #\r\n",
  "GET http://@/ok HTTP/1.1\r\nHost: #\r\n",
  "GET http://!/ok HTTP/1.1\r\nHost: !\r\n",
  "GET /ok HTTP/1.1\r\nHost: @\r\n",
  "GET http://2130706433/ HTTP/1.1\r\nHost: 2130706433\r\n",
  "GET http://nowhere.test/ HTTP/1.1\r\nHost: nowhere.test\r\n",
  "GET http://169.254.169.254/ HTTP/1.1\r\nHost: 169.254.169.254\r\n",
  "CONNECT # HTTP/1.1\r\nHost: #\r\n",
  "CONNECT ! HTTP/1.1\r\nHost: !\r\n",
  "CONNECT nowhere.test:443 HTTP/1.1\r\nHost: nowhere.test:443\r\n",
  "CONNECT @@ HTTP/1.1\r\nHost: @\r\n",
  "CONNECT 10.0.0.1:443 HTTP/1.1\r\nHost: 10.0.0.1:443\r\n",
  "PRI * HTTP/2.0\r\n",
];

const socksPorts = ["sink", "closed", "dead"] as const;

describe("both forms of the door", () => {
  const origins = async () => {
    const [origin, closed, sink] = [
      await openOrigin(),
      await openOrigin(),
      await openSink((socket) => socket.end("hi")),
    ];
    const dead = createServer();
    const deadPort = await listen(dead);
    dead.close();
    const at = (port: number): string => `127.0.0.1:${port}`;
    const policy = restricted(
      { [at(origin.port)]: "allow", [at(deadPort)]: "allow", [at(sink.port)]: "allow" },
      { [at(origin.port)]: { methods: ["GET", "POST"], paths: ["/ok"] } },
    );
    const ports = { sink: sink.port, closed: closed.port, dead: deadPort };
    const fill = (text: string): string =>
      text.replaceAll("@", at(origin.port)).replaceAll("#", at(closed.port)).replaceAll("!", at(deadPort));
    return { origin, closed, sink, policy, ports, fill };
  };
  const open = async (policy: ResolvedPolicy) => Promise.all(Object.values(forms).map((form) => form(policy)));

  it.each(requests)("answer the same to %j", async (request) => {
    const { origin, closed, policy, fill } = await origins();
    const answers = [];
    for (const { port, proof, events } of await open(policy)) {
      const before = origin.seen.length;
      const text = await new Wire(port).send(fill(`${request}${proof}Connection: close\r\n\r\n`)).untilClosed();
      const heard = origin.seen.slice(before).map(({ method, url, headers }) => [method, url, headers]);
      // The end of a connection is told when it has come, which may be later.
      const decided = events.filter(({ kind }) => kind !== "network.closed");
      answers.push({ text: text.replace(/^date:.*\r\n/im, ""), heard, decided });
    }
    expect(answers[0]?.text).not.toBe("");
    expect(answers[1]).toEqual(answers[0]);
    expect(closed.connections()).toBe(0);
  });

  it.each(socksPorts)("answer the same to SOCKS, to a port that is %s", async (which) => {
    const { policy, ports } = await origins();
    const answers = [];
    for (const { port, socks } of await open(policy)) {
      const place = `\x05\x01\x00\x01\x7f\x00\x00\x01${String.fromCharCode(ports[which] >> 8, ports[which] & 255)}`;
      const text = await new Wire(port).send(socks.hello + place).untilClosed();
      expect(text.startsWith(socks.welcome)).toBe(true);
      answers.push(text.slice(socks.welcome.length));
    }
    expect(answers[1]).toBe(answers[0]);
    expect(answers[0]?.endsWith("hi")).toBe(which === "sink");
  });

  it.each(Object.keys(forms))("follow a policy that changes: %s", async (name) => {
    const { policy, ports } = await origins();
    const standing = await forms[name]?.(policy);
    if (standing === undefined) throw new Error("no such form");
    const { port, proof, served } = standing;
    const ask = (): Promise<string> =>
      new Wire(port)
        .send(
          `CONNECT 127.0.0.1:${ports.sink} HTTP/1.1\r\nHost: x\r\n${proof}\r\n`.replace(
            "Host: x",
            `Host: 127.0.0.1:${ports.sink}`,
          ),
        )
        .untilClosed();
    expect(await ask()).toMatch(/ 200 [^]*hi$/);
    const narrow = served.update(restricted({}));
    expect(await ask()).toMatch(/ 403 /);
    expect(served.restore(narrow - 1)).toBe(true);
    expect(await ask()).toMatch(/ 200 [^]*hi$/);
  });
});

describe("the form that everybody on the machine can reach", () => {
  it.each([
    ["no secret", ""],
    ["another one", `Proxy-Authorization: Basic ${Buffer.from("run:0123456789abcdef").toString("base64")}\r\n`],
    ["the secret in the wrong place", `Authorization: Basic ${Buffer.from(`run:${SECRET}`).toString("base64")}\r\n`],
    ["the secret as the user", `Proxy-Authorization: Basic ${Buffer.from(`${SECRET}:`).toString("base64")}\r\n`],
  ])("lets nobody through with %s", async (_, header) => {
    const origin = await openOrigin();
    const at = `127.0.0.1:${origin.port}`;
    const standing = await forms["loopback"]?.(restricted({ [at]: "allow" }));
    const port = standing?.port ?? 0;
    for (const line of [`GET http://${at}/ HTTP/1.1`, `CONNECT ${at} HTTP/1.1`])
      expect(await new Wire(port).send(`${line}\r\nHost: ${at}\r\n${header}\r\n`).untilClosed()).toMatch(
        /^HTTP\/1\.1 407 /,
      );
    const anonymous = await new Wire(port).send("\x05\x01\x00").untilClosed();
    const guessed = await new Wire(port).send("\x05\x01\x02\x01\x03run\x05wrong").untilClosed();
    expect([anonymous, guessed]).toEqual(["\x05\xff", "\x05\x02\x01\x01"]);
    // As a web page reaches it, by a name of its own that leads here.
    const page = await new Wire(port).send(`GET / HTTP/1.1\r\nHost: rebound.test:${port}\r\n\r\n`).untilClosed();
    expect(page).toMatch(/^HTTP\/1\.1 40/);
    expect(origin.connections()).toBe(0);
  });

  it.each(["", "short", "with spaces in the middle", "x".repeat(256)])("takes no secret like %j", async (secret) => {
    await expect(serveLoopback({ ...options(restricted({})), secret })).rejects.toMatchObject({ code: "setup_failed" });
  });
});
