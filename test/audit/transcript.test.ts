import { describe, expect, it } from "vitest";
import { transcriptOf } from "../../src/audit/index.ts";
import type { JournalRecord } from "../../src/audit/index.ts";

function record(seq: number, kind: string, members: Readonly<Record<string, unknown>> = {}): JournalRecord {
  const time = `2026-11-21T10:00:${String(seq).padStart(2, "0")}.000Z`;
  return { seq, time, session: "s", kind, prev: "0".repeat(64), members: new Map(Object.entries(members)) };
}

const launching = record(1, "run.launching", { program: "python3", argv: ["a.py"] });
const calling = record(2, "session.calling", { call: "c1", method: "session.write", subjects: ["/ws/a"] });
const asked = record(3, "session.asked", { question: "q", call: "c1", text: "Change a?" });
const answered = record(4, "session.answered", { question: "q", outcome: "approved", by: "you" });
const called = record(5, "session.called", { call: "c1", method: "session.write", subjects: ["/ws/a"], outcome: "ok" });
const read = record(6, "session.called", {
  call: "c2",
  method: "session.read",
  subjects: ["/ws/b"],
  outcome: "not_found",
});
const ended = record(7, "run.ended", { exit: 0, status: 0 });

const told = (records: readonly JournalRecord[], isLive = false): readonly unknown[] =>
  transcriptOf(records, isLive).map(({ kind, id, status, outcome }) => [kind, id, status, outcome]);

describe("the transcript of a session", () => {
  it("is what it did, in the order in which it began", () => {
    expect(told([launching, calling, asked, answered, called, read, ended])).toEqual([
      ["run", "1", "completed", "0"],
      ["call", "c1", "completed", "ok"],
      ["question", "q", "completed", "approved"],
      ["call", "c2", "failed", "not_found"],
    ]);
  });

  it("tells when each began and ended, and what it was about", () => {
    const [, call] = transcriptOf([launching, calling, called], false);
    expect(call).toMatchObject({ title: "session.write /ws/a", started: calling.time, completed: called.time });
  });

  it.each([
    ["interrupted", false],
    ["open", true],
  ])("marks what has no end as %s (its session lives: %s)", (status, isLive) => {
    expect(transcriptOf([launching, calling, asked], isLive).map((item) => item.status)).toEqual(Array(3).fill(status));
  });

  it("keeps runs apart, also one that was launched anew", () => {
    const stale = record(2, "run.failed", { code: "stale" });
    const interrupted = record(9, "run.interrupted", { pid: 1 });
    expect(told([launching, stale, { ...launching, seq: 8 }, interrupted])).toEqual([
      ["run", "1", "failed", "stale"],
      ["run", "2", "interrupted", "interrupted"],
    ]);
  });
});
