import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { targetOf } from "../../src/network/names/authority.ts";
import { openDoor, type DoorOptions } from "../../src/network/door/door.ts";
import { parseFetchUrl } from "../../src/network/fetch/redirect.ts";
import type { DoorEvent } from "../../src/network/decide/gate.ts";
import { SmallGate } from "./door/stand.ts";

/** A door, its gate, and a server of this machine that stands behind every name. */
async function open(serve: RequestListener, options: Partial<DoorOptions> = {}) {
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    serve(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const gate = new SmallGate(["good.test", "other.test"]);
  const events: DoorEvent[] = [];
  const door = openDoor({ gate, parseTarget: targetOf, observe: (event) => void events.push(event), ...options });
  onTestFinished(() => {
    door.close();
    server.closeAllConnections();
    server.close();
  });
  const aborter = new AbortController();
  const get = (place: string, before: () => Promise<void> = () => Promise.resolve()) => {
    const url = parseFetchUrl(`http://${place.replace("/", `:${port}/`)}`);
    if (url === null) throw new Error(`no address: ${place}`);
    const request = { url, method: "GET", headers: [], body: null };
    return door.fetcher.fetch(request, { mostBytes: 1000, signal: aborter.signal, before });
  };
  return { gate, door, get, events, aborter, port, requests: () => requests };
}

const never: RequestListener = (_, response) => void response.write("the beginning");
const hello: RequestListener = (_, response) => void response.end("hello");

describe("a fetch that is open", () => {
  const ends = [
    ["the policy is narrowed", { ok: false, refusal: { reason: "draining" } }],
    ["the policy is narrowed for another host", null],
    ["the door is closed", { ok: false, refusal: { reason: "draining" } }],
  ] as const;
  it.each(ends)("ends when %s: %j", async (what, expected) => {
    const { gate, door, get, requests, events } = await open(never);
    const fetched = get("good.test/");
    while (requests() === 0) await pause(5);
    if (what === "the door is closed") door.close();
    else {
      gate.allowed.delete(what.endsWith("another host") ? "other.test" : "good.test");
      door.update();
    }
    const answer = await Promise.race([fetched, pause(500, null)]);
    if (expected === null) expect(answer).toBeNull();
    else expect(answer).toMatchObject(expected);
    expect(events.map(({ kind }) => kind)).toEqual(expected === null ? ["allowed"] : ["allowed", "closed", "refused"]);
  });

  it("ends when it is called off, with the reason", async () => {
    const { get, aborter, requests } = await open(never);
    const fetched = get("good.test/");
    while (requests() === 0) await pause(5);
    aborter.abort(new Error("called off"));
    await expect(fetched).rejects.toThrow("called off");
  });
});

describe("a policy that is narrowed while it is asked", () => {
  it.each([
    ["before the name is looked up", "before"],
    ["while the name is looked up", "locate"],
  ] as const)("%s, lets nothing through", async (_, when) => {
    const { gate, door, get, requests } = await open(hello);
    const narrow = (): Promise<void> => {
      gate.allowed.delete("good.test");
      door.update();
      return Promise.resolve();
    };
    const locate = gate.locate.bind(gate);
    if (when === "locate") gate.locate = async (passage) => locate(passage).finally(narrow);
    const answer = await get("good.test/", when === "before" ? narrow : undefined);
    expect(answer).toMatchObject({ ok: false, refusal: { reason: "draining" } });
    expect(requests()).toBe(0);
    expect(await get("other.test/")).toMatchObject({ ok: true, value: { status: 200 } });
  });
});

describe("a redirect", () => {
  const to =
    (location: string): RequestListener =>
    (request, response) =>
      void (request.url === "/" ? response.writeHead(302, { location }).end() : response.end(request.headers.host));

  it("is decided anew", async () => {
    const { get, port, requests, events } = await open((request, response) =>
      to(`http://evil.test:${request.socket.localPort}/x`)(request, response),
    );
    expect(await get("good.test/")).toMatchObject({ ok: false, refusal: { target: { host: "evil.test", port } } });
    expect(requests()).toBe(1);
    expect(events.map(({ kind, target }) => `${kind} ${target?.host}`)).toEqual([
      "allowed good.test",
      "closed good.test",
      "refused evil.test",
    ]);
  });

  it("is followed where it may", async () => {
    const { get } = await open((request, response) =>
      to(`//other.test:${request.socket.localPort}/x#y`)(request, response),
    );
    expect(await get("good.test/")).toMatchObject({ ok: true, value: { redirects: 1, url: { path: "/x" } } });
  });

  it.each([
    "http://user@good.test/",
    "http:///",
    "javascript:1",
    "http://good.test:0/",
    "ftp://good.test/",
    "http://[::1%25lo]/",
  ])("to %s is none that can be followed", async (location) => {
    const { get, requests } = await open(to(location));
    expect(await get("good.test/")).toMatchObject({ ok: false });
    expect(requests()).toBe(1);
  });
});

it("a run's limit of bytes holds for fetches too", async () => {
  const { get } = await open(hello, { limits: { receivedBytes: 7 } });
  expect(await get("good.test/")).toMatchObject({ ok: true });
  expect(await get("good.test/")).toMatchObject({ ok: false, refusal: { reason: "limit" } });
  expect(await get("good.test/")).toMatchObject({ ok: false, refusal: { reason: "limit" } });
});
