import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { utcText } from "../policy/index.ts";
import type { BackgroundSync, Durability, Journal, JournalEvent, SandboxedError } from "../policy/index.ts";
import { canonicalJson, canonicalMembers } from "./canonical.ts";
import { sha256 } from "./digest.ts";
import { unwritable } from "./folder.ts";
import { writeHead } from "./head.ts";
import type { Head } from "./head.ts";

/** How long a batched event may wait, in milliseconds. */
const patience = 20;

/** Waiting bytes that are written without waiting longer. */
const enough = 64 * 1024;

/** Room for waiting bytes at first: few sessions need more. */
const usual = 16 * 1024;

const lineFeed = 0x0a;

/** What a journal goes on from. */
export interface JournalFile {
  /** For messages. */
  readonly path: string;
  readonly session: string;
  /** Open for appending. */
  readonly file: number;
  /** From `openHead`. */
  readonly head: number;
  /** Bytes, records and last hash so far. */
  readonly length: number;
  readonly count: number;
  readonly hash: string;
  /** Folders whose entries lead to the file, synced once with the first durable record. */
  readonly folders: readonly string[];
  readonly whenClosed: () => void;
}

/** The last record that a head may vouch for. */
type Reached = Omit<Head, "closed">;

const open = new Set<FileJournal>();

/** Batches still waiting when the process ends by `process.exit` or an uncaught error. */
function writeAll(): void {
  for (const journal of open) journal.flush();
}

/**
 * A journal in a file: one canonical line a record, each naming the digest of the line before.
 *
 * `durable` returns when record and folder are on the disk. `batched` goes out in one write call after at most 20 ms; it
 * survives the death of the process from then on, and a power cut once a durable record follows. The head (how many
 * records, which digest) is written after each durable record and at the end, always after what it vouches for.
 * Once a write failed the chain has a hole, so every later call throws the same `journal_unwritable`.
 */
export class FileJournal implements Journal {
  readonly #target: JournalFile;
  #seq: number;
  /** Of the last record, which may wait still. */
  #hash: string;
  #length: number;
  /** What waits is bytes already: thousands of texts that lived from one batch to the next would cost more than they do. */
  #batch = Buffer.allocUnsafeSlow(usual);
  #waiting = 0;
  #since = 0;
  #timer: NodeJS.Timeout | null = null;
  #failure: SandboxedError | null = null;
  #closed = false;
  #foldersSynced = false;
  #lastKind: JournalEvent["kind"] | null = null;
  /** Records that the head knows of. */
  #vouchedFor: number;
  /** What somebody else brings to the disk: the system tells once alone that it could not. */
  #underway: (() => void) | null = null;
  /** The last time that was written, and the members from it to the last kind. */
  #stamped = Number.NaN;
  #stamp = "";

  constructor(target: JournalFile) {
    this.#target = target;
    this.#seq = target.count;
    this.#hash = target.hash;
    this.#length = target.length;
    this.#vouchedFor = target.count;
    if (open.size === 0) process.on("exit", writeAll);
    open.add(this);
  }

  append(event: JournalEvent, durability: Durability): void {
    if (this.#failure !== null) throw this.#failure;
    if (this.#closed) throw unwritable(this.#target.path, "it is closed");
    const now = Date.now();
    this.#push(event, now);
    if (durability === "durable") {
      this.flush();
      this.#attempt(() => this.#sync());
      this.#throwFailure();
    } else if (this.#waiting >= enough || now - this.#since >= patience) {
      this.flush();
    } else {
      this.#timer ??= setTimeout(() => this.flush(), patience).unref();
    }
  }

  syncing(elsewhere: BackgroundSync): () => void {
    this.flush();
    this.#settle();
    this.#throwFailure();
    const reached = { count: this.#seq, hash: this.#hash };
    this.#underway = this.#syncBy(elsewhere);
    const isElsewhere = this.#underway !== null;
    return () => {
      this.#settle();
      this.#attempt(() => (isElsewhere ? this.#vouch(reached) : this.#sync()));
      this.#throwFailure();
    };
  }

  /** Writes what is waiting; a failure shows at the next `append` or `close`. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#waiting === 0 || this.#failure !== null) return;
    const bytes = this.#batch.subarray(0, this.#waiting);
    this.#waiting = 0;
    this.#attempt(() => this.#write(bytes));
  }

  close(): void {
    if (this.#closed) return;
    if (this.#failure === null && this.#lastKind !== "session.closed")
      this.#push({ kind: "session.closed" }, Date.now());
    this.flush();
    this.#settle();
    this.#closed = true;
    open.delete(this);
    if (open.size === 0) process.off("exit", writeAll);
    if (this.#failure === null) this.#attempt(() => this.#writeHead());
    closeSync(this.#target.file);
    closeSync(this.#target.head);
    if (this.#failure === null) this.#attempt(() => this.#target.whenClosed());
    this.#throwFailure();
  }

  #push(event: JournalEvent, now: number): void {
    const { kind } = event;
    if (now !== this.#stamped || kind !== this.#lastKind) {
      this.#stamped = now;
      const { session } = this.#target;
      this.#stamp = `,"time":"${utcText(now)}","session":"${session}","kind":${canonicalJson(kind)}`;
    }
    const line = `{"seq":${this.#seq}${this.#stamp}${canonicalMembers(event)},"prev":"${this.#hash}"}`;
    this.#hash = sha256(line);
    if (this.#waiting === 0) this.#since = now;
    this.#keep(line);
    this.#seq += 1;
    this.#lastKind = kind;
  }

  /** Every character of a record is one byte. */
  #keep(line: string): void {
    const end = this.#waiting + line.length + 1;
    if (end > this.#batch.length) {
      const more = Buffer.allocUnsafeSlow(Math.max(end, enough + usual));
      this.#batch.copy(more, 0, 0, this.#waiting);
      this.#batch = more;
    }
    this.#batch.write(line, this.#waiting);
    this.#batch[end - 1] = lineFeed;
    this.#waiting = end;
  }

  #write(bytes: Buffer): void {
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.#target.file, bytes, done);
    } catch (error) {
      // Half a batch would look like tampering: leave the file as it was when the disk lets us.
      if (done > 0) ftruncateSync(this.#target.file, this.#length);
      throw error;
    }
    this.#length += bytes.length;
  }

  #sync(): void {
    this.#settle();
    if (this.#failure !== null) return;
    fdatasyncSync(this.#target.file);
    this.#writeHead();
    if (this.#foldersSynced) return;
    // The head may lag behind the records: what it lacks after a crash is less than they prove themselves.
    withFolders(this.#target.folders, (folders) => folders.forEach((folder) => fsyncSync(folder)));
    this.#foldersSynced = true;
  }

  /** Null where nobody else does it. */
  #syncBy(sync: BackgroundSync): (() => void) | null {
    const { file, folders } = this.#target;
    let begun: (() => void) | null = null;
    this.#attempt(() => withFolders(this.#foldersSynced ? [] : folders, (opened) => (begun = sync([file, ...opened]))));
    return begun;
  }

  /** Whoever asked for it may have gone on without it. */
  #settle(): void {
    const wait = this.#underway;
    this.#underway = null;
    if (wait !== null) this.#attempt(wait);
  }

  #vouch(reached: Reached): void {
    if (this.#failure !== null) return;
    this.#foldersSynced = true;
    // What came meanwhile may be on the disk, and vouched for, already.
    if (!this.#closed && reached.count > this.#vouchedFor) this.#writeHead(reached);
  }

  #writeHead(reached: Reached = { count: this.#seq, hash: this.#hash }): void {
    writeHead(this.#target.head, { ...reached, closed: this.#closed });
    this.#vouchedFor = reached.count;
  }

  #attempt(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failure ??= unwritable(this.#target.path, error);
    }
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}

function withFolders(paths: readonly string[], act: (folders: readonly number[]) => void): void {
  const folders: number[] = [];
  try {
    // Windows has no such descriptors; its file system orders the entries itself.
    if (process.platform !== "win32") for (const path of paths) folders.push(openSync(path, "r"));
    act(folders);
  } finally {
    folders.forEach((folder) => closeSync(folder));
  }
}
