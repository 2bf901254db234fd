import type { JournalEvent } from "../../policy/index.ts";
import { makeAllowance } from "./allowance.ts";

export type NetworkEvent = JournalEvent & { readonly kind: `network.${string}` };

/** What the door did, for the journal: as it happens, as long as a program does not flood it. */
export interface Chronicle {
  add(event: NetworkEvent): void;
  /** Hands on what is still held back. */
  close(): void;
}

export interface ChronicleOptions {
  /** Records that are handed on at once before any is held back, and how many a second after that. */
  readonly atOnce?: number;
  readonly perSecond?: number;
  /** Different events of which each is told by itself; a program can think of new hosts for ever. */
  readonly distinct?: number;
  /** Milliseconds between two looks at what is held back. */
  readonly every?: number;
}

/**
 * Hands events on to `record`. The first of its kind always goes out at once. Where more of the same come than can be
 * kept, they are counted and go out together, their bytes added up: nothing is left out, and a program that is refused
 * a million times a minute does not fill the disk.
 */
export function openChronicle(
  record: (event: NetworkEvent) => void,
  { atOnce = 1000, perSecond = 20, distinct = 4096, every = 1000 }: ChronicleOptions = {},
): Chronicle {
  const allowance = makeAllowance(perSecond, undefined, atOnce);
  const seen = new Set<string>();
  const held = new Map<string, NetworkEvent>();

  const hold = (key: string, event: NetworkEvent): void => {
    const before = held.get(key);
    held.set(key, before === undefined ? event : together(before, event));
  };
  const timer = setInterval(() => {
    for (const [key, event] of held) {
      if (!allowance.take()) return;
      held.delete(key);
      record(event);
    }
  }, every).unref();

  return {
    add(event) {
      const key = keyOf(event);
      if (!seen.has(key)) {
        // Beyond that nobody reads them one by one.
        if (seen.size >= distinct) return hold(keyOf(nowhere(event)), nowhere(event));
        seen.add(key);
        allowance.take();
        return record(event);
      }
      // What is held back goes first, so that no record overtakes an earlier one of its kind.
      if (held.has(key) || !allowance.take()) return hold(key, event);
      return record(event);
    },
    close() {
      clearInterval(timer);
      for (const event of held.values()) record(event);
      held.clear();
    },
  };
}

function together(one: NetworkEvent, other: NetworkEvent): NetworkEvent {
  return {
    ...one,
    sent: one.sent + other.sent,
    received: one.received + other.received,
    count: (one.count ?? 1) + (other.count ?? 1),
  };
}

function nowhere(event: NetworkEvent): NetworkEvent {
  return { ...event, target: null };
}

function keyOf({ kind, protocol, target, reason, rule }: NetworkEvent): string {
  return JSON.stringify([kind, protocol, target, reason, rule]);
}
