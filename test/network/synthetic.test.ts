import { describe, expect, it } from "vitest";
import { kindOfAddress } from "../../src/network/names/private-ranges.ts";
import { isSynthetic, makeSyntheticNames, targetAt } from "../../src/network/names/synthetic.ts";

describe("addresses that stand for names", () => {
  it("are the same for a name each time, and another for each name", () => {
    const names = makeSyntheticNames();
    const addresses = ["a.test", "b.test", "a.test", "__proto__"].map((name) => names.addressFor(name));
    expect(addresses).toEqual(["198.18.0.1", "198.18.0.2", "198.18.0.1", "198.18.0.3"]);
    expect(
      ["198.18.0.1", "::ffff:198.18.0.2", "198.18.0.4", "198.18.0.0", "192.0.2.1"].map((address) =>
        names.nameOf(address),
      ),
    ).toEqual(["a.test", "b.test", null, null, null]);
  });

  it("go round the end of an octet, stay within their block, and are nobody's", () => {
    const names = makeSyntheticNames(1_000_000);
    let last: string | null = null;
    let count = 0;
    for (let next = names.addressFor("0"); next !== null; next = names.addressFor(String(++count))) last = next;
    expect([count, last]).toEqual([131_071, "198.19.255.255"]);
    expect(names.addressFor("255")).toBe("198.18.1.0");
    expect(names.nameOf("198.19.255.255")).toBe("131070");
    expect(kindOfAddress("198.19.255.255")).toBe("benchmarking");
  });

  it("run out, but not for names that have one", () => {
    const names = makeSyntheticNames(2);
    expect(["a", "b", "c", "a"].map((name) => names.addressFor(name))).toEqual([
      "198.18.0.1",
      "198.18.0.2",
      null,
      "198.18.0.1",
    ]);
    expect(names.nameOf("198.18.0.3")).toBeNull();
  });

  it.each([
    ["198.18.0.1", { host: "a.test", isAddress: false, port: 443 }],
    ["::ffff:198.18.0.1", { host: "a.test", isAddress: false, port: 443 }],
    ["192.0.2.1", { host: "192.0.2.1", isAddress: true, port: 443 }],
    ["::ffff:192.0.2.1", { host: "192.0.2.1", isAddress: true, port: 443 }],
    ["2001:db8::1", { host: "2001:db8::1", isAddress: true, port: 443 }],
    ["198.18.0.0", null],
    ["198.18.0.2", null],
    ["198.19.255.255", null],
    ["nonsense:", null],
  ])("a connection to %s", (address, target) => {
    const names = makeSyntheticNames();
    names.addressFor("a.test");
    const parsed = targetAt(names, address, 443);
    expect(parsed.ok ? parsed.value : null).toEqual(target);
  });

  it("are told from their neighbours", () => {
    expect(["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"].map(isSynthetic)).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});
