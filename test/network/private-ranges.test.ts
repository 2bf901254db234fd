import { BlockList, isIP } from "node:net";
import * as fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, it } from "vitest";
import {
  canonicalAddress,
  embeddedAddresses,
  judgeAddress,
  kindOfAddress,
} from "../../src/network/names/private-ranges.ts";
import type { AddressKind } from "../../src/network/names/private-ranges.ts";

describe("an address", () => {
  it.each<readonly [string, AddressKind | null]>([
    ["8.8.8.8", "public"],
    ["9.255.255.255", "public"],
    ["10.0.0.0", "private"],
    ["10.255.255.255", "private"],
    ["11.0.0.0", "public"],
    ["0.0.0.0", "unspecified"],
    ["0.255.255.255", "unspecified"],
    ["1.0.0.0", "public"],
    ["100.63.255.255", "public"],
    ["100.64.0.0", "shared"],
    ["100.100.100.200", "metadata"],
    ["100.127.255.255", "shared"],
    ["100.128.0.0", "public"],
    ["126.255.255.255", "public"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.255", "loopback"],
    ["128.0.0.0", "public"],
    ["168.63.129.16", "metadata"],
    ["168.63.129.17", "public"],
    ["169.253.255.255", "public"],
    ["169.254.0.0", "link-local"],
    ["169.254.169.254", "metadata"],
    ["169.254.170.2", "metadata"],
    ["169.255.0.0", "public"],
    ["172.15.255.255", "public"],
    ["172.16.0.0", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.0", "public"],
    ["192.0.0.0", "reserved"],
    ["192.0.0.192", "metadata"],
    ["192.0.1.0", "public"],
    ["192.0.2.1", "documentation"],
    ["192.0.3.0", "public"],
    ["192.88.99.1", "reserved"],
    ["192.167.255.255", "public"],
    ["192.168.0.0", "private"],
    ["192.169.0.0", "public"],
    ["198.17.255.255", "public"],
    ["198.18.0.0", "benchmarking"],
    ["198.19.255.255", "benchmarking"],
    ["198.20.0.0", "public"],
    ["198.51.100.1", "documentation"],
    ["203.0.113.1", "documentation"],
    ["223.255.255.255", "public"],
    ["224.0.0.1", "multicast"],
    ["239.255.255.255", "multicast"],
    ["240.0.0.0", "reserved"],
    ["255.255.255.255", "reserved"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::2", "embedded"],
    ["::127.0.0.1", "embedded"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["::ffff:8.8.8.8", "public"],
    ["::ffff:0:8.8.8.8", "embedded"],
    ["64:ff9b::8.8.8.8", "embedded"],
    ["64:ff9b:1::1", "embedded"],
    ["100::1", "reserved"],
    ["2001::1", "embedded"],
    ["2001:1::1", "reserved"],
    ["2001:2::1", "benchmarking"],
    ["2001:20::1", "reserved"],
    ["2001:200::1", "public"],
    ["2001:db8::1", "documentation"],
    ["2001:4860:4860::8888", "public"],
    ["2002:7f00:1::", "embedded"],
    ["2003::1", "public"],
    ["2606:4700::5efe:7f00:1", "embedded"],
    ["2606:4700::200:5efe:7f00:1", "embedded"],
    ["2606:4700::1", "public"],
    ["3fff::1", "documentation"],
    ["4000::1", "reserved"],
    ["5f00::1", "reserved"],
    ["fc00::1", "private"],
    ["fd00:ec2::254", "metadata"],
    ["fd00:ec2::255", "private"],
    ["fd20:ce::254", "metadata"],
    ["fe80::1", "link-local"],
    ["fec0::1", "private"],
    ["ff02::1", "multicast"],
    ["127.1", null],
    ["0x7f.0.0.1", null],
    ["fe80::1%eth0", null],
    ["example.com", null],
    ["", null],
  ])("%s is %s", (text, kind) => {
    expect(kindOfAddress(text)).toBe(kind);
  });

  it("of IPv4 is public for us only where a library says so as well", () => {
    // What the library has no name for: addresses of clouds that look like anybody's.
    const known = new Set(["168.63.129.16"]);
    const near = fc.constantFrom(
      0x0a00_0000,
      0x6440_0000,
      0x7f00_0000,
      0xa9fe_0000,
      0xac10_0000,
      0xc0a8_0000,
      0xc612_0000,
    );
    const number = fc.oneof(
      fc.nat({ max: 0xffff_ffff }),
      fc.tuple(near, fc.integer({ min: -300, max: 0x20_0000 })).map(([first, more]) => first + more),
    );
    fc.assert(
      fc.property(number, (value) => {
        const text = [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
        const { kind = null } = judgeAddress(text) ?? {};
        const range = ipaddr.IPv4.parse(text).range();
        if (known.has(text)) return;
        const ours = kind === "public";
        // The blocks of AS112 and AMT, which routers answer for everybody.
        const shared = range === "as112" || range === "amt";
        expect(ours, `${text} is ${kind} and ${range}`).toBe(range === "unicast" || shared);
      }),
      { numRuns: 500 },
    );
  });

  it("of IPv6 is never public where a library says otherwise", () => {
    const group = fc.oneof(
      fc.nat({ max: 0xffff }),
      fc.constantFrom(0, 0xffff, 0x2001, 0x2002, 0x64, 0xff9b, 0xfe80, 0xfc00),
    );
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (parts) => {
        const reference = new ipaddr.IPv6(parts);
        const text = parts.map((part) => part.toString(16)).join(":");
        const isMapped = reference.isIPv4MappedAddress();
        const range = isMapped ? reference.toIPv4Address().range() : reference.range();
        if (kindOfAddress(text) === "public") expect(["unicast", "as112", "as112v6", "amt"]).toContain(range);
      }),
      { numRuns: 500 },
    );
  });

  it("has a canonical text that means the same to the platform", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const canonical = canonicalAddress(text);
        if (canonical === null) throw new Error(text);
        const family = isIP(canonical);
        expect(canonicalAddress(canonical)).toBe(canonical);
        const list = new BlockList();
        list.addAddress(canonical, family === 4 ? "ipv4" : "ipv6");
        expect(list.check(text, isIP(text) === 4 ? "ipv4" : "ipv6")).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("an address in an address", () => {
  it.each([
    ["64:ff9b::a9fe:a9fe", "169.254.169.254"],
    ["64:ff9b:1:a9fe:a9:fe00::", "169.254.169.254"],
    ["2002:7f00:1::", "127.0.0.1"],
    ["2001:0:7f00:1::", "127.0.0.1"],
    ["2001:0:1:1:0:0:5601:5601", "169.254.169.254"],
    ["::10.0.0.1", "10.0.0.1"],
    ["::ffff:0:10.0.0.1", "10.0.0.1"],
    ["2606:4700::5efe:a9fe:a9fe", "169.254.169.254"],
  ])("%s leads to %s", (text, embedded) => {
    expect(kindOfAddress(text)).toBe("embedded");
    expect(embeddedAddresses(text)).toContain(embedded);
  });
});
