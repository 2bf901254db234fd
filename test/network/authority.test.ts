import * as fc from "fast-check";
import ipaddr from "ipaddr.js";
import { describe, expect, it } from "vitest";
import { parseAbsoluteTarget, parseAuthority, parseBareHost } from "../../src/network/names/authority.ts";
import type { Parsed } from "../../src/network/names/authority.ts";
import type { Target } from "../../src/network/decide/gate.ts";

function shown(parsed: Parsed<Target>): string {
  if (!parsed.ok) return `refused: ${parsed.fault}`;
  const { host, isAddress, port } = parsed.value;
  return `${isAddress ? "address" : "name"} ${host} ${port}`;
}

const bytes = (text: string): Uint8Array => Buffer.from(text, "utf8");

describe("an authority", () => {
  it.each([
    ["good.test", "name good.test 80"],
    ["good.test:443", "name good.test 443"],
    ["GOOD.Test:443", "name good.test 443"],
    ["good.test.", "name good.test 80"],
    ["good.test.:8443", "name good.test 8443"],
    ["localhost:1", "name localhost 1"],
    ["r3---sn-a.test", "name r3---sn-a.test 80"],
    ["b\u00fccher.example", "name xn--bcher-kva.example 80"],
    ["B\u00dcCHER.example", "name xn--bcher-kva.example 80"],
    ["xn--bcher-kva.example", "name xn--bcher-kva.example 80"],
    ["XN--BCHER-KVA.example", "name xn--bcher-kva.example 80"],
    ["127.0.0.1", "address 127.0.0.1 80"],
    ["127.0.0.1:65535", "address 127.0.0.1 65535"],
    ["[::1]", "address ::1 80"],
    ["[::1]:8080", "address ::1 8080"],
    ["[0:0:0:0:0:0:0:1]:8080", "address ::1 8080"],
    ["[2001:DB8::0:1]", "address 2001:db8::1 80"],
    ["[::ffff:127.0.0.1]:80", "address 127.0.0.1 80"],
    ["[::ffff:7f00:1]", "address 127.0.0.1 80"],
    ["[0:0:0:0:0:ffff:127.0.0.1]", "address 127.0.0.1 80"],
    ["[::127.0.0.1]", "address ::7f00:1 80"],
    ["[64:ff9b::169.254.169.254]", "address 64:ff9b::a9fe:a9fe 80"],
  ])("%j is %s, as text and as bytes", (text, expected) => {
    expect(shown(parseAuthority(text, 80))).toBe(expected);
    expect(shown(parseAuthority(bytes(text), 80))).toBe(expected);
  });

  it.each([
    // Numbers that some resolvers take for addresses.
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.0x1",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "0",
    "0.0",
    "00.0.0.0",
    "127.0.0.01",
    "127.0.0.256",
    "127.0.0.1.",
    "1.2.3.4.5",
    "good.0x1",
    "good.test.1",
    // Digits, dots and letters of other scripts, and what vanishes.
    "\u2460\u2461\u2466.0.0.1",
    "\uff11\uff12\uff17.0.0.1",
    "127\u30020\u30020\u30021",
    "good\u3002test",
    "good\uff0etest",
    "good\uff61test",
    "\uff47\uff4f\uff4f\uff44.test",
    "goo\u00add.test",
    "goo\u200bd.test",
    "g\u200dood.test",
    "\u212aelvin.test",
    "\u017ftart.test",
    "\u2100.test",
    "\u00aa.test",
    "\u0661.test\u2024a",
    "\ufeffgood.test",
    "xn--a.test",
    "xn--.test",
    "xn--good-.test",
    "a.xn--0.test",
    // Addresses in other clothes.
    "::1",
    "::1:80",
    "2001:db8::1",
    "[good.test]",
    "[127.0.0.1]",
    "[127.0.0.1]:80",
    "[]",
    "[]:80",
    "[",
    "]",
    "[::1",
    "::1]",
    "[[::1]]",
    "[::1]80",
    "[::1]:",
    "[::1].test",
    "x[::1]",
    "[fe80::1%eth0]",
    "[fe80::1%25eth0]",
    "[::1%25lo]:80",
    "[::1::]",
    "[1:2:3:4:5:6:7:8:9]",
    "[12345::]",
    "[::ffff:127.1]",
    "[::ffff:0177.0.0.1]",
    "[::127.0.0.1.]",
    "[v1.fe80::a]",
    "[ ::1]",
    // Somebody else in front, paths behind.
    "user@good.test",
    "good.test:443@evil.test:443",
    "@good.test",
    "good.test@",
    "http://good.test/",
    "good.test/",
    "good.test/x",
    "good.test?x",
    "good.test#x",
    "good.test\\evil.test",
    "good.test;x",
    "good.test,evil.test",
    // Escapes and characters that end things early.
    "good%2etest",
    "good.test%00.evil.test",
    "%67ood.test",
    "good.test\0",
    "evil.test\0.good.test",
    "good.test\r",
    "good.test\n",
    "good.test\r\nHost: evil.test",
    "good.test\t",
    " good.test",
    "good.test ",
    "good test",
    "good.test\u00a0",
    "good.test\u2028",
    "good.test\x7f",
    // Ports.
    "good.test:",
    "good.test:0",
    "good.test:00",
    "good.test:0443",
    "good.test:65536",
    "good.test:99999",
    "good.test:100000",
    "good.test:-1",
    "good.test:+443",
    "good.test: 443",
    "good.test:443 ",
    "good.test:44a",
    "good.test:443:443",
    "good.test:\u0664\u0664\u0663",
    "good.test:0x1bb",
    "good.test:4.43",
    ":443",
    ":",
    // Names.
    "",
    ".",
    "..",
    ".good.test",
    "good..test",
    "good.test..",
    "-good.test",
    "good-.test",
    "_good.test",
    "good_x.test",
    "*.good.test",
    "good!.test",
    "<good>.test",
    `${"a".repeat(64)}.test`,
    `${"a.".repeat(127)}test`,
    "a".repeat(600),
  ])("%j is refused", (text) => {
    expect(parseAuthority(text, 80).ok).toBe(false);
    expect(parseAuthority(bytes(text), 80).ok).toBe(false);
  });

  it("of the greatest length passes, one character more does not", () => {
    const label = "a".repeat(63);
    const longest = `${label}.${label}.${label}.${"a".repeat(61)}`;
    expect([longest, `${longest}.`].map((name) => parseAuthority(name, 80).ok)).toEqual([true, true]);
    expect(parseAuthority(`${longest}a`, 80).ok).toBe(false);
  });

  it.each([["80"], ["ff"], ["c0ae"], ["676f6f64c0ae74657374"], ["eda080"]])("of the bytes %s is refused", (hex) => {
    expect(shown(parseAuthority(Buffer.from(hex, "hex"), 80))).toBe("refused: not UTF-8");
  });

  it("without a port is refused where one must be written", () => {
    expect(shown(parseAuthority("good.test", null))).toBe("refused: no port");
    expect(shown(parseAuthority("good.test:22", null))).toBe("name good.test 22");
  });

  it("reads back as itself, and as URL reads it", () => {
    const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,8}[a-zA-Z0-9])?$/);
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    const v4 = fc.tuple(...Array.from({ length: 4 }, () => fc.nat({ max: 255 }))).map((parts) => parts.join("."));
    const v6 = fc.ipV6().map((text) => `[${text}]`);
    fc.assert(
      fc.property(fc.oneof(name, v4, v6), fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        const parsed = parseAuthority(`${host}:${port}`, null);
        if (!parsed.ok) {
          // Only what URL takes for an odd address, or for Punycode that is none, and forms with dots at the end.
          return /(?:^|\.)(?:\d+|0x[0-9a-f]*)$|xn--|\]|\.\./i.test(host);
        }
        const again = parsed.value.host.includes(":") ? `[${parsed.value.host}]` : parsed.value.host;
        expect(parseAuthority(`${again}:${parsed.value.port}`, null)).toEqual(parsed);
        const url = new URL(`ws://${host}:${port}/`);
        const mapped = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(url.hostname);
        if (mapped === null) expect(again).toBe(url.hostname);
        expect(parsed.value.port).toBe(Number(url.port || 80));
        return true;
      }),
      { numRuns: 400 },
    );
  });

  it("gives each address of a library's reading the same canonical text", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 0xffff }), { minLength: 8, maxLength: 8 }), (parts) => {
        const reference = ipaddr.fromByteArray(parts.flatMap((part) => [part >> 8, part & 255]));
        const expected = reference.kind() === "ipv6" ? reference.toString() : "";
        const full = parts.map((part) => part.toString(16).padStart(4, "0")).join(":");
        for (const text of [full, full.toUpperCase(), parts.map((part) => part.toString(16)).join(":")]) {
          const parsed = parseBareHost(text, 1);
          expect(parsed.ok && ipaddr.parse(parsed.value.host).toString()).toBe(expected);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("never throws and never lets through what is not plain", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 40 })), (input) => {
        for (const parsed of [parseAuthority(input, 80), parseBareHost(input, 80)]) {
          if (parsed.ok) expect(parsed.value.host).toMatch(/^(?:[a-z0-9.-]+|[0-9a-f:]+)$/);
        }
        parseAbsoluteTarget(input);
      }),
      { numRuns: 500 },
    );
  });
});

describe("a bare host", () => {
  it.each([
    ["good.test", "name good.test 53"],
    ["10.0.0.1", "address 10.0.0.1 53"],
    ["::1", "address ::1 53"],
    ["::ffff:10.0.0.1", "address 10.0.0.1 53"],
    ["good.test:80", "refused: not an address"],
    ["[::1]", "refused: not an address"],
    ["fe80::1%eth0", "refused: a zone"],
    ["evil.test\0.good.test", "refused: a forbidden character"],
    ["a@b", "refused: not a host name"],
  ])("%j is %s", (text, expected) => {
    expect(shown(parseBareHost(text, 53))).toBe(expected);
  });
});

describe("an absolute target", () => {
  it.each([
    ["http://good.test", "http name good.test 80 /"],
    ["http://good.test/", "http name good.test 80 /"],
    ["HTTP://Good.Test:8080/A?b=c", "http name good.test 8080 /A?b=c"],
    ["https://good.test?x", "https name good.test 443 /?x"],
    ["ws://[::1]:81/x", "ws address ::1 81 /x"],
    ["http://good.test/a@b:c", "http name good.test 80 /a@b:c"],
  ])("%j", (text, expected) => {
    const parsed = parseAbsoluteTarget(bytes(text));
    if (!parsed.ok) throw new Error(parsed.fault);
    const { scheme, target, path } = parsed.value;
    expect(`${scheme} ${shown({ ok: true, value: target })} ${path}`).toBe(expected);
  });

  it.each([
    "good.test",
    "/path",
    "*",
    "ftp://good.test/",
    "file:///etc/passwd",
    "http:/good.test/",
    "http:good.test",
    "http:///good.test",
    "http://",
    "http://:80/",
    "http://user:pass@good.test/",
    "http://good.test:80@evil.test/",
    "http://good.test\\@evil.test/",
    "http://evil.test\\.good.test/",
    "http://good.test/#x",
    "http://good.test#@evil.test/",
    "http://good.test/ x",
    "http://good.test/\r\nHost: evil.test",
    "http://good.test/\u00e9",
    "http://good.test/a\\b",
    "http://good.test:/",
    "http://good.test:080/",
    "http://127.1/",
    "http://%31%32%37.0.0.1/",
    "view-source:http://good.test/",
    " http://good.test/",
    `http://good.test/${"x".repeat(70_000)}`,
  ])("%j is refused", (text) => {
    expect(parseAbsoluteTarget(text).ok).toBe(false);
  });
});
