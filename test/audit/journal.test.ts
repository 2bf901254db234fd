import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  journalPath,
  listSessions,
  isSessionId,
  newSessionId,
  openSession,
  readJournal,
  verifyJournal,
} from "../../src/audit/index.ts";
import type { Session } from "../../src/audit/index.ts";

let home: string;
let environment: ReadonlyMap<string, string>;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "journal-"));
  environment = new Map([["HOME", home]]);
});

afterEach(() => rmSync(home, { recursive: true, force: true }));

function opened(argv: readonly string[] = ["true"]): Session & { readonly folder: string; readonly path: string } {
  const session = openSession({ ephemeral: false, argv, cwd: "/w", version: "0.1.0", environment });
  if (session.folder === null) throw new Error("expected a folder");
  return { ...session, folder: session.folder, path: journalPath(session.folder) };
}

function linesOf(path: string): readonly string[] {
  return readFileSync(path, "latin1").split("\n").slice(0, -1);
}

function folderFor(value: string): string | null {
  const session = openSession({
    ephemeral: false,
    argv: [],
    cwd: "/",
    version: "0",
    environment: new Map([...environment, ["XDG_STATE_HOME", value]]),
  });
  session.journal.close();
  return session.folder;
}

const named = (id: string): Session =>
  openSession({ id, ephemeral: false, argv: [], cwd: "/", version: "0", environment });

const mode = (file: string): number => lstatSync(file).mode & 0o777;

describe("a session's journal", () => {
  it("chains one canonical record a line and verifies", () => {
    const { journal, path, id } = opened(["python3", "a.py"]);
    journal.append({ kind: "run.started" }, "batched");
    journal.append({ kind: "run.ended", status: 0, exit: 0, signal: null, limit: null }, "durable");
    journal.close();
    const lines = linesOf(path);
    expect(lines.map((line) => JSON.parse(line).kind)).toEqual([
      "session.opened",
      "run.started",
      "run.ended",
      "session.closed",
    ]);
    expect(lines[0]).toMatch(
      new RegExp(
        `^\\{"seq":0,"time":"[^"]+Z","session":"${id}","kind":"session.opened","argv":\\["python3","a.py"\\],"cwd":"/w","version":"0.1.0","prev":"0{64}"\\}$`,
      ),
    );
    expect(lines[2]).toContain('"kind":"run.ended","exit":0,"limit":null,"signal":null,"status":0,"prev"');
    expect(verifyJournal(path)).toMatchObject({ status: "ok", count: 4, closed: true, unvouched: 0, torn: 0 });
    expect([...readJournal(path)].map((record) => record.seq)).toEqual([0, 1, 2, 3]);
  });

  it("is readable by its owner alone", () => {
    const { journal, folder, path } = opened();
    journal.close();
    for (const each of [folder, dirname(folder), dirname(dirname(folder))]) expect(mode(each)).toBe(0o700);
    expect([mode(path), mode(join(folder, "head.json"))]).toEqual([0o600, 0o600]);
  });

  it("has a durable record on the disk when append returns, and a batched one within its time", async () => {
    const { journal, path } = opened();
    journal.append({ kind: "run.started" }, "batched");
    expect(linesOf(path)).toHaveLength(0);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(linesOf(path)).toHaveLength(2);
    journal.append({ kind: "run.started" }, "durable");
    expect(linesOf(path)).toHaveLength(3);
    expect(verifyJournal(path)).toMatchObject({ status: "ok", count: 3, closed: false, unvouched: 0 });
    journal.close();
  });

  it("writes a batch that waits too long because the loop is blocked", () => {
    const { journal, path } = opened();
    const until = Date.now() + 30;
    while (Date.now() < until);
    journal.append({ kind: "run.started" }, "batched");
    expect(linesOf(path)).toHaveLength(2);
    journal.close();
  });

  it("keeps a hostile path in one record, in plain ASCII, and gives it back exactly", () => {
    const hostile = 'a\n{"seq":9,"kind":"forged"}\u001b[2J\u202e\u2066\u{e0041}\u0085é\r\0';
    const { journal, path } = opened([hostile]);
    journal.close();
    expect(linesOf(path)).toHaveLength(2);
    expect(/^[\n\x20-\x7e]*$/.test(readFileSync(path, "latin1"))).toBe(true);
    expect(JSON.parse(linesOf(path)[0] ?? "").argv).toEqual([hostile]);
  });

  it("keeps nothing when ephemeral, and takes the same calls", () => {
    const session = openSession({ ephemeral: true, argv: [], cwd: "/", version: "0", environment });
    session.journal.append({ kind: "run.started" }, "durable");
    session.journal.close();
    expect(session.folder).toBeNull();
    expect(readdirSync(home)).toEqual([]);
  });

  it("opens under an id given before, once, and under no other name", () => {
    const id = newSessionId();
    const session = named(id);
    expect(session.id).toBe(id);
    expect(() => named(id)).toThrowError(expect.objectContaining({ code: "journal_unwritable" }));
    expect(() => named("../../x")).toThrowError(expect.objectContaining({ code: "internal" }));
    session.journal.close();
  });

  it("makes ids that sort by the millisecond, all different and all of one shape", () => {
    const times = Array.from({ length: 2_000 }, (_, index) => Date.UTC(2026, 10, 21, 12, 0, 0, index));
    const ids = times.map((time) => newSessionId(time));
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(Array.from({ length: 1_000 }, () => newSessionId(times[0])))).toHaveProperty("size", 1_000);
    expect(ids.every(isSessionId)).toBe(true);
  });

  it("lists sessions by time and passes over everything else", () => {
    const one = opened();
    const two = opened();
    mkdirSync(join(dirname(one.folder), "notes"));
    const listed = listSessions(environment);
    expect(listed.map((entry) => entry.id)).toEqual([one.id, two.id].toSorted());
    expect(listed[0]?.opened).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(listSessions(new Map([["HOME", "/nonexistent"]]))).toEqual([]);
    one.journal.close();
    two.journal.close();
  });

  it("has the state folder where XDG_STATE_HOME says, unless that is relative", () => {
    expect(folderFor(join(home, "elsewhere"))).toContain(join(home, "elsewhere", "sandboxed", "sessions"));
    expect(folderFor("relative")).toContain(join(home, ".local", "state", "sandboxed", "sessions"));
  });
});

describe("a journal that somebody else brings to the disk", () => {
  const refusing = () => () => {
    throw new Error("EIO: i/o error, fsync");
  };
  const launched = (): Session & { readonly path: string } => {
    const session = opened();
    session.journal.append({ kind: "run.started" }, "batched");
    return session;
  };

  const attemptToClose = (journal: Session["journal"]): void => {
    try {
      journal.close();
    } catch {
      // it says once more what it said
    }
  };

  it("is vouched for as far as that went, and no earlier", () => {
    const { journal, path } = launched();
    const taken: number[] = [];
    const written = journal.syncing?.((files) => {
      taken.push(files.length);
      return () => void taken.push(0);
    });
    expect(verifyJournal(path)).toMatchObject({ status: "ok", count: 2, unvouched: 2 });
    journal.append({ kind: "run.started" }, "batched");
    written?.();
    expect(taken).toEqual([3, 0]);
    expect(verifyJournal(path)).toMatchObject({ status: "ok", count: 2, unvouched: 0 });
    journal.close();
    expect(verifyJournal(path)).toMatchObject({ status: "ok", count: 4, closed: true });
  });

  it("brings itself there where nobody does", () => {
    const { journal, path } = launched();
    journal.syncing?.(() => null)();
    expect(verifyJournal(path)).toMatchObject({ status: "ok", count: 2, unvouched: 0 });
    journal.close();
  });

  it("is refused where that fails", () => {
    const { journal } = launched();
    expect(journal.syncing?.(refusing)).toThrow(/cannot write the journal.*EIO/);
    expect(() => journal.close()).toThrow(/EIO/);
  });

  // The system tells once alone that a page was lost, and takes it for written from then on.
  it.each<[what: string, then: (journal: Session["journal"]) => void]>([
    ["another durable record", (journal) => journal.append({ kind: "run.started" }, "durable")],
    ["the next launch", (journal) => journal.syncing?.(() => () => {})()],
    ["its end", (journal) => journal.close()],
  ])("is refused at %s where that failed and nobody waited for it", (_, then) => {
    const { journal, path } = launched();
    journal.syncing?.(refusing);
    expect(() => then(journal)).toThrow(/EIO/);
    attemptToClose(journal);
    expect(verifyJournal(path)).toMatchObject({ closed: false });
  });
});

describe("a journal that cannot be kept", () => {
  it("refuses a state folder that others may write in, and takes it when they may not", () => {
    const state = join(home, ".local", "state", "sandboxed");
    mkdirSync(state, { recursive: true });
    chmodSync(state, 0o777);
    expect(() => opened()).toThrowError(expect.objectContaining({ code: "journal_unwritable" }));
    chmodSync(state, 0o700);
    opened().journal.close();
  });

  it("refuses a symlink in place of the sessions folder", () => {
    const state = join(home, ".local", "state", "sandboxed");
    mkdirSync(state, { recursive: true, mode: 0o700 });
    mkdirSync(join(home, "other"));
    symlinkSync(join(home, "other"), join(state, "sessions"));
    expect(() => opened()).toThrowError(expect.objectContaining({ code: "journal_unwritable" }));
    expect(readdirSync(join(home, "other"))).toEqual([]);
  });

  it("refuses a file in place of the state home", () => {
    writeFileSync(join(home, ".local"), "");
    expect(() => opened()).toThrowError(expect.objectContaining({ code: "journal_unwritable" }));
  });

  it("takes no events once closed", () => {
    const { journal } = opened();
    journal.close();
    journal.close();
    expect(() => journal.append({ kind: "run.started" }, "durable")).toThrowError(
      expect.objectContaining({ code: "journal_unwritable" }),
    );
  });
});

describe("records of any kind", () => {
  it("are as JSON would write them, whatever their length, each chained to the one before", () => {
    const { journal, path } = opened();
    const texts = ["", "a", "b".repeat(10_000), "é".repeat(20_000), "c".repeat(100_000), "d"];
    for (const message of texts) journal.append({ kind: "run.failed", code: "x", message }, "batched");
    journal.close();
    const failed = [...readJournal(path)].filter(({ kind }) => kind === "run.failed");
    expect(failed.map(({ members }) => members.get("message"))).toEqual(texts);
    expect(verifyJournal(path)).toMatchObject({ status: "ok", count: texts.length + 2, closed: true });
  });

  it("write every number as String does", () => {
    const { journal, path } = opened();
    const numbers = [0, -0, 0.5, 1.25, 12.345, 0.001, 999.999, 1.0005, 0.9996, -1.5, 1e-7, 1e21, 2 ** 53, 1e9 + 0.5];
    for (let count = 0; count < 5000; count += 1) numbers.push(count / 1000, count / 1000 + count);
    for (const took of numbers) {
      const call = { call: "c", grant: "g", method: "m", subjects: [], outcome: "ok" };
      journal.append({ kind: "session.called", ...call, took }, "batched");
    }
    journal.close();
    const written = linesOf(path).flatMap((line) => /"took":([^,]*),/.exec(line)?.[1] ?? []);
    expect(written).toEqual(numbers.map(String));
  });
});
