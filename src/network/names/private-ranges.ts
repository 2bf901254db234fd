import ipaddr from "ipaddr.js";
import { inBlock, parseAddress, parseBlock } from "../../policy/index.ts";
import type { AddressBlock } from "../../policy/index.ts";

/** What an address is for. Only `public` ones are reached through a name without more ado. */
export type AddressKind =
  | "public"
  | "private"
  | "loopback"
  | "link-local"
  | "metadata"
  | "multicast"
  | "unspecified"
  | "shared"
  | "benchmarking"
  | "documentation"
  | "embedded"
  | "reserved";

/** An address with what it is for and the range that says so. */
export interface Judgement {
  readonly kind: AddressKind;
  readonly range: AddressBlock;
}

/**
 * IANA's special-purpose registries (RFC 6890 and what came after), the services that hand out credentials to
 * machines in clouds, and the forms in which an IPv6 address carries an IPv4 one. The narrowest range holds.
 */
const ranges: readonly { readonly kind: AddressKind; readonly blocks: readonly string[] }[] = [
  {
    kind: "metadata",
    blocks: [
      "169.254.169.254",
      "169.254.169.253",
      "169.254.170.2",
      "169.254.170.23",
      "169.254.42.42",
      "169.254.0.23",
      "100.100.100.200",
      "168.63.129.16",
      "192.0.0.192",
      "fd00:ec2::254",
      "fd00:ec2::253",
      "fd00:ec2::23",
      "fd20:ce::254",
      "fd00:42::42",
    ],
  },
  { kind: "unspecified", blocks: ["0.0.0.0/8", "::"] },
  { kind: "loopback", blocks: ["127.0.0.0/8", "::1"] },
  { kind: "private", blocks: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"] },
  { kind: "link-local", blocks: ["169.254.0.0/16", "fe80::/10"] },
  { kind: "shared", blocks: ["100.64.0.0/10"] },
  { kind: "multicast", blocks: ["224.0.0.0/4", "ff00::/8"] },
  { kind: "benchmarking", blocks: ["198.18.0.0/15", "2001:2::/48"] },
  {
    kind: "documentation",
    blocks: ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"],
  },
  {
    kind: "embedded",
    blocks: ["64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96", "::ffff:0:0:0/96"],
  },
  { kind: "reserved", blocks: ["192.0.0.0/24", "192.88.99.0/24", "240.0.0.0/4", "2001::/23"] },
];

const everyV4: AddressBlock = { first: 0xffff_0000_0000n, bits: 96 };
/** Of IPv6 only this much is handed out to anybody. */
const globalV6: AddressBlock = { first: 0x2000n << 112n, bits: 3 };

interface Range {
  readonly kind: AddressKind;
  readonly block: AddressBlock;
}

/** Narrowest first, each family apart: most addresses asked for are IPv4. */
const v4: Range[] = [];
const v6: Range[] = [];

function load(): void {
  for (const { kind, blocks } of ranges) {
    for (const text of blocks) {
      const block = parseBlock(text);
      if (block !== null) (text.includes(":") ? v6 : v4).push({ kind, block });
    }
  }
  for (const list of [v4, v6]) list.sort((one, other) => other.block.bits - one.block.bits);
}

/** What the address is for, mapped IPv4 taken as IPv4. Null for what is no address in a usual spelling. */
export function judgeAddress(text: string): Judgement | null {
  const bits = parseAddress(text);
  if (bits === null) return null;
  if (v4.length === 0) load();
  const isV4 = inBlock(bits, everyV4);
  const found = (isV4 ? v4 : v6).find(({ block }) => inBlock(bits, block));
  if (found !== undefined) return { kind: found.kind, range: found.block };
  if (isV4) return { kind: "public", range: everyV4 };
  const itself = { first: bits, bits: 128 };
  if (isIsatap(bits)) return { kind: "embedded", range: itself };
  return inBlock(bits, globalV6) ? { kind: "public", range: globalV6 } : { kind: "reserved", range: itself };
}

/** The kind alone; null for what is no address, so that comparing with `"public"` fails closed. */
export function kindOfAddress(text: string): AddressKind | null {
  return judgeAddress(text)?.kind ?? null;
}

/** The IPv4 addresses that an address of kind `embedded` carries: whoever dials it may end up there. */
export function embeddedAddresses(text: string): readonly string[] {
  const bits = parseAddress(text);
  if (bits === null) return [];
  const at = (shift: bigint): bigint => (bits >> shift) & 0xffff_ffffn;
  if (bits >> 112n === 0x2002n) return [dotted(at(80n))];
  // Teredo's server, and its client with all bits turned.
  if (bits >> 96n === 0x2001_0000n) return [dotted(at(64n)), dotted(at(0n) ^ 0xffff_ffffn)];
  // RFC 6052 puts the address behind a prefix of 48 bits around eight that are 0.
  const split = (((bits >> 64n) & 0xffffn) << 16n) | ((bits >> 40n) & 0xffffn);
  if (bits >> 80n === 0x0064_ff9b_0001n) return [dotted(at(0n)), dotted(split)];
  return [dotted(at(0n))];
}

/** The one spelling of an address: IPv4 dotted (mapped ones too), IPv6 as in RFC 5952. Null for what is none. */
export function canonicalAddress(text: string): string | null {
  const bits = parseAddress(text);
  if (bits === null) return null;
  if (inBlock(bits, everyV4)) return dotted(bits & 0xffff_ffffn);
  // From the number: the library reads `::1.2.3.4` as the mapped address, which it is not.
  const parts = Array.from({ length: 8 }, (_, index) => Number((bits >> BigInt(112 - 16 * index)) & 0xffffn));
  return new ipaddr.IPv6(parts).toRFC5952String();
}

function isIsatap(bits: bigint): boolean {
  const marker = (bits >> 32n) & 0xffff_ffffn;
  return marker === 0x0000_5efen || marker === 0x0200_5efen;
}

function dotted(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 0xffn).join(".");
}
