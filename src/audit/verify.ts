import { basename, dirname, join } from "node:path";
import { sha256 } from "./digest.ts";
import { noHash, readHead } from "./head.ts";
import type { Head } from "./head.ts";
import { readLines } from "./lines.ts";
import type { Line } from "./lines.ts";
import { parseRecord } from "./record.ts";
import type { JournalRecord } from "./record.ts";

/**
 * `changed` bytes; `missing` records in the middle; `reordered` or `duplicated` ones; a `cut` tail; `added` ones behind the
 * end; a line that is `unreadable`; a record of a `foreign` session; `no_head` beside the journal.
 */
export type Damage =
  | "changed"
  | "missing"
  | "reordered"
  | "duplicated"
  | "cut"
  | "added"
  | "unreadable"
  | "foreign"
  | "no_head";

/** What checking a journal found. Lines count from 1, records (`seq`) from 0. */
export type VerifyResult =
  | {
      readonly status: "ok";
      readonly count: number;
      /** SHA-256 of the last line, hex; 64 zeros when there is none. */
      readonly hash: string;
      /** Ended as it should: nothing can have been cut or added unseen. */
      readonly closed: boolean;
      /** Records behind the last one the head vouches for; only those could be cut unseen. */
      readonly unvouched: number;
      /** Bytes of half a line at the end, left by a crash (or being written now). */
      readonly torn: number;
    }
  | {
      readonly status: "broken";
      readonly seq: number | null;
      readonly line: number;
      readonly what: Damage;
      readonly message: string;
    };

/** Records in order, unchecked; stops before a line that is none. Throws `journal_broken` when the file cannot be read. */
export function* readJournal(path: string): Generator<JournalRecord, void, void> {
  for (const line of readLines(path)) {
    const record = line.complete ? parseRecord(line.bytes.toString("latin1")) : null;
    if (record === null) return;
    yield record;
  }
}

/**
 * Checks the chain of a journal against itself, its folder's name and its head (`head.json` beside it), and says where it
 * first fails. Changes nothing. This finds what was changed *after* writing by somebody who could not rewrite the head as
 * well; against the same user only an anchor elsewhere helps.
 */
export function verifyJournal(path: string): VerifyResult {
  const head = readHead(join(dirname(path), "head.json"));
  const found = walk(path, head);
  if (found.status === "broken") return found;
  if (head === null)
    return broken(
      "no_head",
      found.count,
      null,
      "head.json is missing or unreadable (taken away, or lost in a power cut): a cut tail cannot be ruled out",
    );
  if (found.count < head.count) {
    const lost = head.count - found.count;
    return broken("cut", found.count + 1, found.count, `the last ${lost} of ${head.count} records are missing`);
  }
  if (!head.closed) return { ...found, closed: false, unvouched: found.count - head.count };
  if (found.torn > 0) return added(head);
  return { ...found, closed: true, unvouched: 0 };
}

function walk(path: string, head: Head | null): VerifyResult {
  const session = basename(dirname(path));
  const lines = readLines(path);
  let before: JournalRecord | null = null;
  let hash = noHash;
  let count = 0;
  for (const line of lines) {
    if (!line.complete) return sound(count, hash, line.bytes.length);
    if (head?.closed === true && count === head.count) return added(head);
    const record = parseRecord(line.bytes.toString("latin1"));
    if (record === null) return broken("unreadable", count + 1, count, "this line is not a record");
    const own = sha256(line.bytes);
    if (record.seq !== count) return misplaced(path, record, before, count);
    if (record.prev !== hash) {
      const next = lines.next();
      const intact =
        follows(next.done === true ? null : next.value, own) || (head?.count === count + 1 && head.hash === own);
      const vouched = head?.count === count;
      return changed(before !== null && !vouched && (intact || next.done === true) ? count - 1 : count);
    }
    if (record.session !== session)
      return broken("foreign", count + 1, count, "this record belongs to another session");
    count += 1;
    if (head?.count === count && head.hash !== own) return changed(count - 1);
    before = record;
    hash = own;
  }
  return sound(count, hash, 0);
}

function sound(count: number, hash: string, torn: number): VerifyResult {
  return { status: "ok", count, hash, closed: false, unvouched: 0, torn };
}

/**
 * A digest that does not fit tells only that one of two lines changed. The second is intact when what follows it (or the
 * head) still names it.
 */
function follows(next: Line | null, hash: string): boolean {
  return next !== null && next.complete && parseRecord(next.bytes.toString("latin1"))?.prev === hash;
}

/** A record whose number is not the one due at its place. */
function misplaced(path: string, record: JournalRecord, before: JournalRecord | null, due: number): VerifyResult {
  if (record.seq < due) {
    const again = before !== null && record.prev === before.prev;
    if (again) return broken("duplicated", due + 1, record.seq, `record ${record.seq} stands here again`);
    return broken("reordered", due + 1, record.seq, `record ${record.seq} stands where ${due} belongs`);
  }
  for (const later of readJournal(path)) {
    if (later.seq === due)
      return broken("reordered", due + 1, record.seq, `record ${record.seq} stands where ${due} belongs`);
  }
  const lost = record.seq - 1 === due ? `record ${due} is` : `records ${due} to ${record.seq - 1} are`;
  return broken("missing", due + 1, due, `${lost} missing`);
}

function changed(index: number): VerifyResult {
  return broken("changed", index + 1, index, "this record was changed after it was written");
}

function added(head: Head): VerifyResult {
  return broken("added", head.count + 1, head.count, "something follows the record that closed the journal");
}

function broken(what: Damage, line: number, seq: number | null, message: string): VerifyResult {
  return { status: "broken", seq, line, what, message };
}
