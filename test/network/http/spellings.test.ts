import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openOrigin, openStand, pause, Wire } from "../door/stand.ts";
import type { Stand } from "../door/stand.ts";

const words = {
  method: ["GET", "POST", "OPTIONS", "SOURCE", "FOO", "get", ""],
  place: ["/", "*", "@", "http://evil.test/", "//evil.test/", "x", "?"],
  version: ["HTTP/1.1", "HTTP/1.0", "RTSP/1.0", "ICE/1.0", "HTTP/2.0", "X/1", ""],
  body: ["", "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n"],
  rest: ["", "0\r\n\r\n", "hello", "GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n"],
} as const;

/** What is put into a request somewhere, or takes the place of a piece of it. */
const specks = [
  ...Array.from("\0\t \r\n\v\f{/*:;%@#\x1c\x85\xa0"),
  "\r\n",
  "HTTP/1.1",
  "RTSP/1.0",
  "PRI * HTTP/2.0\r\n",
  "\x16\x03\x01",
  "\x15\x03\x01\0\x02\x01\x5a",
  "A".repeat(50),
  "Host: evil.test\r\n",
  "\r\n Host: evil.test",
  "Connection: host\r\n",
  "Upgrade: websocket\r\nConnection: upgrade\r\n",
];

/** A request that names another host, spoilt in some places, and where it is cut in two. */
const requests = fc.record({
  method: fc.constantFrom(...words.method),
  place: fc.constantFrom(...words.place),
  version: fc.constantFrom(...words.version),
  body: fc.constantFrom(...words.body),
  rest: fc.constantFrom(...words.rest),
  spoilt: fc.array(fc.tuple(fc.nat(120), fc.nat(3), fc.constantFrom(...specks)), { maxLength: 2 }),
  cut: fc.option(fc.nat(60)),
});
type Request = typeof requests extends fc.Arbitrary<infer T> ? T : never;

function pieces({ method, place, version, body, rest, spoilt, cut }: Request, authority: string): readonly string[] {
  const target = place === "@" ? `http://${authority}/` : place;
  let text = `${method} ${target} ${version}\r\nHost: evil.test\r\n${body}\r\n${rest}`;
  for (const [at, length, speck] of spoilt) text = text.slice(0, at) + speck + text.slice(at + length);
  return cut === null ? [text] : [text.slice(0, cut), text.slice(cut)];
}

async function say(stand: Stand, origin: number, parts: readonly string[]): Promise<void> {
  const authority = `good.test:${origin}`;
  const wire = new Wire(stand.port).send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n\r\n`);
  await wire.untilText("\r\n\r\n");
  for (const part of parts) {
    wire.send(part);
    // oxlint-disable-next-line no-await-in-loop -- pieces that arrive one by one
    await pause(15);
  }
  wire.socket.end();
  await wire.until(({ closed, ended }) => closed || ended, 2000).catch(() => {});
  wire.socket.destroy();
}

describe("a request to another host, in a tunnel to a port of a named one", () => {
  it("reaches Node's server under no spelling", { timeout: 60_000 }, async () => {
    const origin = await openOrigin();
    const stand = await openStand();
    const at = `good.test:${origin.port}`;
    await fc.assert(
      fc.asyncProperty(fc.array(requests, { minLength: 10, maxLength: 10 }), async (all) => {
        await Promise.all(all.map((request) => say(stand, origin.port, pieces(request, at))));
        const hosts = origin.seen.splice(0).map(({ headers }) => headers.host);
        expect(hosts.filter((host) => host !== at)).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it("reaches it under some where any name will do: the twin", async () => {
    const origin = await openOrigin();
    const stand = await openStand();
    stand.gate.allowed.set("good.test", { sni: "any" });
    for (const version of ["HTTP/1.1", "RTSP/1.0"] as const) {
      const request: Request = { method: "GET", place: "/", version, body: "", rest: "", spoilt: [], cut: null };
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await say(stand, origin.port, pieces(request, ""));
    }
    expect(origin.seen.map(({ headers }) => headers.host)).toEqual(["evil.test", "evil.test"]);
  });
});
