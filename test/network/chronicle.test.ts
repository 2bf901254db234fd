import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openChronicle } from "../../src/network/serve/chronicle.ts";
import type { Chronicle, ChronicleOptions, NetworkEvent } from "../../src/network/serve/chronicle.ts";

const event = (target: string | null, more: Partial<NetworkEvent> = {}): NetworkEvent => ({
  kind: "network.refused",
  protocol: "http",
  target,
  reason: "network_not_allowed",
  rule: null,
  sent: 0,
  received: 0,
  ...more,
});

beforeEach(() => void vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] }));
afterEach(() => void vi.useRealTimers());

function open(options: ChronicleOptions): { readonly chronicle: Chronicle; readonly said: NetworkEvent[] } {
  const said: NetworkEvent[] = [];
  return { chronicle: openChronicle((one) => void said.push(one), options), said };
}

describe("what the door did, for the journal", () => {
  it("is told one by one while there is room", () => {
    const { chronicle, said } = open({ atOnce: 10, perSecond: 1 });
    for (let index = 0; index < 10; index += 1) chronicle.add(event("a.test:80"));
    expect(said).toEqual(Array.from({ length: 10 }, () => event("a.test:80")));
  });

  it("is counted beyond that, and told in the next second and at the end", () => {
    const { chronicle, said } = open({ atOnce: 2, perSecond: 1 });
    for (let index = 0; index < 100; index += 1) chronicle.add(event("a.test:80", { sent: 1, received: 2 }));
    expect(said).toHaveLength(2);
    vi.advanceTimersByTime(1000);
    expect(said.slice(2)).toEqual([event("a.test:80", { sent: 98, received: 196, count: 98 })]);
    chronicle.add(event("a.test:80"));
    chronicle.close();
    expect(said.slice(3)).toEqual([event("a.test:80")]);
  });

  it("begins with one of each kind, whatever came before", () => {
    const { chronicle, said } = open({ atOnce: 1, perSecond: 1 });
    for (let index = 0; index < 100; index += 1) chronicle.add(event("a.test:80"));
    for (const [name, value] of Object.entries({ kind: "network.allowed", protocol: "socks5", reason: "limit" })) {
      chronicle.add(event("a.test:80", { [name]: value }));
    }
    chronicle.add(event("b.test:80"));
    expect(said).toHaveLength(5);
    expect(said[4]).toEqual(event("b.test:80"));
  });

  it("has an end where a program thinks of ever new hosts, and still counts them", () => {
    const { chronicle, said } = open({ atOnce: 1, perSecond: 1, distinct: 50 });
    for (let index = 0; index < 10_000; index += 1) chronicle.add(event(`h${index}.test:80`));
    chronicle.close();
    expect(said).toHaveLength(51);
    expect(said[50]).toEqual(event(null, { count: 9950 }));
  });

  it("loses nothing, and grows by no more than it may", () => {
    const step = fc.record({
      host: fc.integer({ min: 0, max: 5 }),
      bytes: fc.nat(9),
      wait: fc.constantFrom(0, 0, 0, 300, 2000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { chronicle, said } = open({ atOnce: 5, perSecond: 3, distinct: 4 });
        let waited = 0;
        for (const { host, bytes, wait } of steps) {
          chronicle.add(event(`h${host}.test:80`, { sent: bytes }));
          vi.advanceTimersByTime(wait);
          waited += wait;
        }
        chronicle.close();
        expect(said.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(steps.length);
        expect(said.reduce((sum, { sent }) => sum + sent, 0)).toBe(steps.reduce((sum, { bytes }) => sum + bytes, 0));
        // At once, as time went by, the first of each, and what was left at the end.
        expect(said.length).toBeLessThanOrEqual(5 + 3 * (waited / 1000) + 4 + 5);
      }),
      { numRuns: 200 },
    );
  });
});
