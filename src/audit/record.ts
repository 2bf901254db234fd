import type { JournalEvent } from "../policy/index.ts";

/** A line of a journal as read back: what every record has, and the rest as found. */
export interface JournalRecord {
  readonly seq: number;
  readonly time: string;
  readonly session: string;
  /** One of the kinds of `JournalEvent`, or one of a later version. */
  readonly kind: JournalEvent["kind"] | (string & {});
  /** SHA-256 of the line before, hex. */
  readonly prev: string;
  /** Every other member. Untrusted: escape what is shown. */
  readonly members: ReadonlyMap<string, unknown>;
}

/** Null when the line is no record. */
export function parseRecord(line: string): JournalRecord | null {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof data !== "object" || data === null || Array.isArray(data)) return null;
  const members = new Map<string, unknown>(Object.entries(data));
  const take = (name: string): unknown => {
    const value = members.get(name);
    members.delete(name);
    return value;
  };
  const [seq, time, session, kind, prev] = [take("seq"), take("time"), take("session"), take("kind"), take("prev")];
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 0) return null;
  if (typeof time !== "string" || typeof session !== "string" || typeof kind !== "string") return null;
  if (typeof prev !== "string" || !/^[0-9a-f]{64}$/.test(prev)) return null;
  return { seq, time, session, kind, prev, members };
}
