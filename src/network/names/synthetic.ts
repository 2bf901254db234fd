import { parseBareHost } from "./authority.ts";
import type { Parsed } from "./authority.ts";
import type { Target } from "../decide/gate.ts";
import { canonicalAddress } from "./private-ranges.ts";

/** Of 198.18.0.0/15, which is nobody's: room for as many names as a run will ever ask for. */
const FIRST = 0xc612_0000;
const MOST_NAMES = 0x1_ffff;

/** Addresses that stand for names during one run; none is ever given to a second name. */
export interface SyntheticNames {
  /** The address of a canonical name, the same each time; null when there is no room for another name. */
  addressFor(name: string): string | null;
  /** The name an address stands for; null for addresses never given out. */
  nameOf(address: string): string | null;
}

/** `capacity` bounds what a program can make the door remember. */
export function makeSyntheticNames(capacity = 16_384): SyntheticNames {
  const names: string[] = [];
  const indices = new Map<string, number>();
  const room = Math.min(capacity, MOST_NAMES);
  return {
    addressFor(name) {
      const known = indices.get(name);
      if (known !== undefined) return addressAt(known);
      if (names.length >= room) return null;
      indices.set(name, names.length);
      return addressAt(names.push(name) - 1);
    },
    nameOf(address) {
      const index = indexOf(address);
      return index === null ? null : (names[index] ?? null);
    },
  };
}

/** Whether the address is one of those that only stand for names. */
export function isSynthetic(address: string): boolean {
  return indexOf(address) !== null;
}

/**
 * What somebody who connected to `address` wanted: the name it stands for, or the address itself. A synthetic address
 * that was never given out stands for nothing.
 */
export function targetAt(names: SyntheticNames, address: string, port: number): Parsed<Target> {
  const name = names.nameOf(address);
  if (name !== null) return { ok: true, value: { host: name, isAddress: false, port } };
  return isSynthetic(address) ? { ok: false, fault: "not an address" } : parseBareHost(address, port);
}

/** The first address of the block stays unused: it names the block. */
function addressAt(index: number): string {
  const number = FIRST + 1 + index;
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
}

/** Mapped forms too, as listeners of both families report them. -1 for the first address of the block. */
function indexOf(address: string): number | null {
  const text = canonicalAddress(address);
  if (text === null || text.includes(":")) return null;
  const number = text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const index = number - FIRST - 1;
  return index >= -1 && index < MOST_NAMES ? index : null;
}
