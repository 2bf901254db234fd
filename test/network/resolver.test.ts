import { afterEach, describe, expect, it } from "vitest";
import { parseHosts } from "../../src/network/names/hosts-table.ts";
import { makeResolver } from "../../src/network/names/resolver.ts";
import type { Lookup, NameResolver, ResolverOptions } from "../../src/network/names/resolver.ts";
import { startDnsServer, zoneOf } from "./dns-server.ts";
import type { TestDnsServer, Zone } from "./dns-server.ts";

let server: TestDnsServer | null = null;
let resolver: NameResolver | null = null;

async function start(
  zone: Zone,
  options: ResolverOptions = {},
): Promise<{ server: TestDnsServer; resolver: NameResolver }> {
  server = await startDnsServer(zone);
  resolver = makeResolver({ servers: [server.address], timeout: 1500, ...options });
  return { server, resolver };
}

afterEach(() => {
  resolver?.close();
  server?.close();
});

function shown(lookup: Lookup): readonly string[] | string {
  return lookup.ok ? lookup.addresses.map(({ address }) => address) : lookup.reason;
}

const zone = zoneOf([
  "A four.test 192.0.2.1",
  "AAAA six.test 2001:db8::1",
  "A both.test 192.0.2.1",
  "A both.test 192.0.2.2",
  "AAAA both.test 2001:db8::1",
  "CNAME www.test cdn.test",
  "CNAME cdn.test edge.test",
  "A edge.test 192.0.2.7",
  "TXT empty.test x",
]);

describe("a name", () => {
  it.each([
    ["four.test", ["192.0.2.1"]],
    ["six.test", ["2001:db8::1"]],
    ["both.test", ["192.0.2.1", "192.0.2.2", "2001:db8::1"]],
    ["www.test", ["192.0.2.7"]],
    ["empty.test", "resolve_failed"],
    ["unknown.test", "resolve_failed"],
  ] as const)("%s", async (name, expected) => {
    const { resolver: made } = await start(zone);
    expect(shown(await made.lookup(name))).toEqual(expected);
  });

  it("is asked for once in each family, whoever waits, and then kept", async () => {
    const { server: asked, resolver: made } = await start(zone);
    await Promise.all([made.lookup("both.test"), made.lookup("both.test"), made.lookup("both.test")]);
    await made.lookup("both.test");
    expect(asked.seen.toSorted()).toEqual(["A both.test", "AAAA both.test"]);
  });

  it("is asked for again when its time is over, within limits", async () => {
    let time = 0;
    const lines = ["A short.test 192.0.2.1 0", "A long.test 192.0.2.1 999999", "A plain.test 192.0.2.1 60"];
    const { server: asked, resolver: made } = await start(zoneOf(lines), { now: () => time });
    const count = async (name: string, seconds: number): Promise<number> => {
      time = 0;
      const before = asked.seen.length;
      await made.lookup(name);
      time = seconds * 1000;
      await made.lookup(name);
      return (asked.seen.length - before) / 2;
    };
    expect([await count("short.test", 4), await count("plain.test", 59), await count("long.test", 299)]).toEqual([
      1, 1, 1,
    ]);
    time = 1e9;
    expect([await count("short.test", 6)]).toEqual([1]);
  });

  it("expires", async () => {
    let time = 0;
    const { server: asked, resolver: made } = await start(
      zoneOf(["A a.test 192.0.2.1 60", "A b.test 192.0.2.1 9999"]),
      {
        now: () => time,
      },
    );
    for (const [name, seconds] of [
      ["a.test", 61],
      ["b.test", 301],
    ] as const) {
      await made.lookup(name);
      time += seconds * 1000;
      await made.lookup(name);
    }
    expect(asked.seen).toHaveLength(8);
  });

  it("drops out when too many are kept", async () => {
    const { server: asked, resolver: made } = await start(zone, { cacheSize: 1 });
    for (const name of ["four.test", "both.test", "four.test"]) await made.lookup(name);
    expect(asked.seen).toHaveLength(6);
  });

  it("of the hosts file is asked of nobody", async () => {
    const hosts = parseHosts(
      "192.0.2.9 Intra.Test intra # a line\n::1 intra.test\n#10.0.0.1 four.test\nnonsense x\n127.1 four.test\n",
    );
    const { server: asked, resolver: made } = await start(zone, { hosts });
    expect(shown(await made.lookup("intra.test"))).toEqual(["192.0.2.9", "::1"]);
    expect(asked.seen).toEqual([]);
    expect(shown(await made.lookup("four.test"))).toEqual(["192.0.2.1"]);
  });

  it("waits its turn behind so many a second", async () => {
    const { server: asked, resolver: made } = await start(zone, { lookupsPerSecond: 2 });
    const before = performance.now();
    const all = await Promise.all(["a.test", "b.test", "c.test", "four.test"].map((name) => made.lookup(name)));
    expect(all.map(shown)).toEqual(["resolve_failed", "resolve_failed", "resolve_failed", ["192.0.2.1"]]);
    expect(performance.now() - before).toBeGreaterThan(900);
    expect(asked.seen.some((question) => question.endsWith("c.test"))).toBe(true);
  });

  it("is refused at once behind too many, and the waiting with the run's end; neither is asked for", async () => {
    const { server: asked, resolver: made } = await start(zone, { lookupsPerSecond: 2 });
    const names = Array.from({ length: 10 }, (_, n) => `n${n}.test`);
    const waiting = names.map((name) => made.lookup(name));
    expect(shown(await made.lookup("late.test"))).toBe("limit");
    await waiting[0];
    made.close();
    expect((await Promise.all(waiting)).slice(2).map(shown)).toEqual(names.slice(2).map(() => "resolve_failed"));
    expect(asked.seen.filter((question) => /n[2-9]|late/.test(question))).toEqual([]);
  });
});

describe("a server", () => {
  it("that says nothing is given up in time", async () => {
    const { resolver: made } = await start(() => null, { timeout: 200 });
    const before = performance.now();
    expect(shown(await made.lookup("four.test"))).toBe("resolve_timed_out");
    expect(performance.now() - before).toBeLessThan(1500);
  });

  it("that says nothing about one family does not hold up the other", async () => {
    const { resolver: made } = await start((question) => (question.startsWith("AAAA") ? null : zone(question)));
    const before = performance.now();
    expect(shown(await made.lookup("four.test"))).toEqual(["192.0.2.1"]);
    expect(performance.now() - before).toBeLessThan(1200);
  });

  it.each([
    ["fails", 2],
    ["refuses", 5],
    ["knows no such thing", 4],
  ])("that %s is a failure", async (_, rcode) => {
    const { resolver: made } = await start(() => rcode);
    expect(shown(await made.lookup("four.test"))).toBe("resolve_failed");
  });

  it("that is not there is a failure, and so is a closed resolver", async () => {
    const { server: asked, resolver: made } = await start(zone, { timeout: 300 });
    asked.close();
    server = null;
    const gone = await made.lookup("four.test");
    expect(["resolve_failed", "resolve_timed_out"]).toContain(shown(gone));
    const { resolver: other } = await start(() => null);
    const waiting = other.lookup("four.test");
    other.close();
    expect(shown(await waiting)).toBe("resolve_failed");
  });
});
