/** A block of addresses; one address is the block of its full length. IPv4 stands in its mapped form of IPv6. */
export interface AddressBlock {
  readonly first: bigint;
  readonly bits: number;
}

const MAPPED = 0xffff_0000_0000n;

/** The address as 128 bits; null for every spelling but the usual ones: no octal, no short form, no zone. */
export function parseAddress(text: string): bigint | null {
  return text.includes(":") ? parseV6(text) : mapped(parseV4(text));
}

/** `10.0.0.0/8`, `fd00::/8` or a single address; null when it is neither. Bits below the mask must be 0. */
export function parseBlock(text: string): AddressBlock | null {
  const [address = "", length, ...rest] = text.split("/");
  const first = parseAddress(address);
  if (first === null || rest.length > 0) return null;
  if (length === undefined) return { first, bits: 128 };
  if (!/^(?:0|[1-9]\d{0,2})$/.test(length)) return null;
  const bits = Number(length) + (address.includes(":") ? 0 : 96);
  if (bits > 128 || (first & ((1n << BigInt(128 - bits)) - 1n)) !== 0n) return null;
  return { first, bits };
}

/** Blocks of IPv6, `::/0` too, hold no IPv4: who opens or shuts one family has said nothing of the other. */
export function inBlock(address: bigint, block: AddressBlock): boolean {
  if (block.bits < 96 && address >> 32n === MAPPED >> 32n) return false;
  const shift = BigInt(128 - block.bits);
  return address >> shift === block.first >> shift;
}

function mapped(address: number | null): bigint | null {
  return address === null ? null : MAPPED | BigInt(address);
}

function parseV4(text: string): number | null {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255))
    return null;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

function parseV6(text: string): bigint | null {
  const tail = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = tail === null ? null : parseV4(tail[2] ?? "");
  if (tail !== null && v4 === null) return null;
  const plain = v4 === null ? text : `${tail?.[1] ?? ""}${(v4 >>> 16).toString(16)}:${(v4 & 0xffff).toString(16)}`;
  const halves = plain.split("::");
  if (halves.length > 2) return null;
  const [head = [], rest = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = 8 - head.length - rest.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...head, ...Array.from({ length: Math.max(0, missing) }, () => "0"), ...rest];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return null;
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}
