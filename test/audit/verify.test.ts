import { mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { journalPath, openSession, readJournal, verifyJournal } from "../../src/audit/index.ts";

let home: string;
let path: string;
let good: string;
let head: string;
/** Closed, eight records. */
let lines: readonly string[];

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "verify-"));
  const session = openSession({
    ephemeral: false,
    argv: ["x"],
    cwd: "/",
    version: "0",
    environment: new Map([["HOME", home]]),
  });
  for (let index = 0; index < 6; index += 1) {
    session.journal.append({ kind: "run.repaired", path: `/w/${index}`, action: "reverted", kept: null }, "batched");
  }
  session.journal.close();
  path = journalPath(session.folder ?? "");
  good = readFileSync(path, "latin1");
  head = readFileSync(headPath(), "latin1");
  lines = good.split("\n").slice(0, -1);
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

const headPath = (): string => join(dirname(path), "head.json");

function check(text: string): ReturnType<typeof verifyJournal> {
  writeFileSync(path, text, "latin1");
  writeFileSync(headPath(), head, "latin1");
  return verifyJournal(path);
}

const joined = (some: readonly (string | undefined)[]): string => some.map((line) => `${line}\n`).join("");
const without = (index: number): string => joined(lines.filter((_, each) => each !== index));
const replaced = (index: number, change: (line: string) => string): string =>
  joined(lines.map((line, each) => (each === index ? change(line) : line)));
const swapped = (one: number, other: number): string =>
  joined(lines.map((line, each) => (each === one ? lines[other] : each === other ? lines[one] : line)));

describe("verifyJournal", () => {
  it("passes the journal as written", () => {
    expect(check(good)).toMatchObject({ status: "ok", count: 8, closed: true });
  });

  it.each<[string, () => string, object]>([
    ["a changed byte", () => replaced(3, (line) => line.replace("/w/2", "/w/9")), { what: "changed", line: 4, seq: 3 }],
    ["a changed first record", () => replaced(0, (line) => line.replace('"x"', '"y"')), { what: "changed", line: 1 }],
    [
      "a changed last record",
      () => replaced(7, (line) => line.replace("closed", "clozed")),
      { what: "changed", line: 8 },
    ],
    ["a changed last but one", () => replaced(6, (line) => line.replace("/w/5", "/w/6")), { what: "changed", line: 7 }],
    ["a changed link", () => replaced(4, (line) => line.replace(/.{3}"\}$/, '000"}')), { what: "changed", line: 5 }],
    [
      "a changed link of the first",
      () => replaced(0, (line) => line.replace(/0"\}$/, '1"}')),
      { what: "changed", line: 1 },
    ],
    ["a space added", () => replaced(2, (line) => line.replace(",", ", ")), { what: "changed", line: 3 }],
    ["a carriage return", () => replaced(2, (line) => `${line}\r`), { what: "changed", line: 3 }],
    ["a record taken out", () => without(3), { what: "missing", line: 4, seq: 3 }],
    ["the first taken out", () => without(0), { what: "missing", line: 1, seq: 0 }],
    ["two swapped", () => swapped(3, 4), { what: "reordered", line: 4 }],
    ["two far ones swapped", () => swapped(1, 6), { what: "reordered", line: 2 }],
    [
      "one repeated",
      () => joined(lines.flatMap((line, each) => (each === 3 ? [line, line] : [line]))),
      { what: "duplicated", line: 5, seq: 3 },
    ],
    [
      "an old one repeated later",
      () => joined([...lines.slice(0, 6), lines[2], ...lines.slice(6)]),
      { what: "reordered", line: 7, seq: 2 },
    ],
    ["the tail cut", () => joined(lines.slice(0, 5)), { what: "cut", line: 6, seq: 5 }],
    ["all cut", () => "", { what: "cut", line: 1, seq: 0 }],
    ["a record added", () => `${good}${lines[7]?.replace('"seq":7', '"seq":8')}\n`, { what: "added", line: 9 }],
    ["text added", () => `${good}x`, { what: "added", line: 9 }],
    [
      "a line that is no record",
      () => joined([...lines.slice(0, 4), "{}", ...lines.slice(4)]),
      { what: "unreadable", line: 5 },
    ],
    ["an empty line", () => joined([...lines.slice(0, 4), "", ...lines.slice(4)]), { what: "unreadable", line: 5 }],
    ["two lines joined", () => good.replace("}\n{", "}{"), { what: "unreadable", line: 1 }],
  ])("finds %s", (_name, change, expected) => {
    expect(check(change())).toMatchObject({ status: "broken", ...expected });
    expect(check(good).status).toBe("ok");
  });

  it("finds a journal moved from another session, and a missing or spoilt head", () => {
    const foreign = good.replaceAll(/"session":"[^"]+"/g, '"session":"20260101-000000-0000000000000000"');
    expect(check(foreign)).toMatchObject({ status: "broken", what: "foreign", line: 1 });
    writeFileSync(path, good);
    writeFileSync(headPath(), "{");
    expect(verifyJournal(path)).toMatchObject({ status: "broken", what: "no_head" });
    unlinkSync(headPath());
    expect(verifyJournal(path)).toMatchObject({ status: "broken", what: "no_head" });
  });

  it("finds any single change of a byte, in the line it was made in or the next", () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const byte = String.fromCharCode((good.charCodeAt(at) + by) % 256);
        const result = check(good.slice(0, at) + byte + good.slice(at + 1));
        const line = good.slice(0, at).split("\n").length;
        return result.status === "broken" && Math.abs(result.line - line) <= 1;
      }),
      { numRuns: 300 },
    );
  });

  it("finds any cut, wherever it falls", () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), (at) => check(good.slice(0, at)).status === "broken"),
      { numRuns: 200 },
    );
  });

  it("refuses what is no plain file", () => {
    const link = join(dirname(path), "link.jsonl");
    symlinkSync(path, link);
    for (const each of [link, dirname(path), join(home, "absent")]) {
      expect(() => verifyJournal(each)).toThrowError(expect.objectContaining({ code: "journal_broken" }));
    }
    unlinkSync(link);
  });
});

describe("readJournal", () => {
  it("gives records with their own members, in order, and stops at the first line that is none", () => {
    check(good);
    const records = [...readJournal(path)];
    expect(records.map((record) => record.seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(Object.fromEntries(records[1]?.members ?? [])).toEqual({ path: "/w/0", action: "reverted", kept: null });
    check(joined([...lines.slice(0, 2), "nonsense", ...lines.slice(2)]));
    expect([...readJournal(path)]).toHaveLength(2);
  });
});
