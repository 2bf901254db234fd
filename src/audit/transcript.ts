import type { JournalRecord } from "./record.ts";

/** Something a session did: begun by one record of its journal and ended by another. */
export interface TranscriptItem {
  /** Of the call, the question or the run: unique among items of its kind. */
  readonly id: string;
  readonly kind: "run" | "call" | "question" | "summary";
  /** What it is about: the program, method and subjects, the question's text, the title. Untrusted. */
  readonly title: string;
  /** ISO 8601, UTC. */
  readonly started: string;
  /** Null where nothing says that it ended. */
  readonly completed: string | null;
  readonly status: "open" | "completed" | "failed" | "interrupted";
  /** In the record's words: `ok`, `approved`, the code of an error, an exit status. */
  readonly outcome: string | null;
}

/**
 * What a session did, in the order in which it began. `isLive`: its owner still works on it, so what has no end is
 * open; else it was interrupted. It is read from the journal and kept nowhere else.
 */
export function transcriptOf(records: Iterable<JournalRecord>, isLive: boolean): readonly TranscriptItem[] {
  const items = new Map<string, TranscriptItem>();
  let runs = 0;
  for (const record of records) {
    if (record.kind === "run.launching") runs += 1;
    const change = changeOf(record, runs);
    if (change === null) continue;
    const key = `${change.kind} ${change.id}`;
    const known = items.get(key);
    items.set(key, { ...begun(record, change), ...known, ...ended(record, change) });
  }
  return [...items.values()].map((item) =>
    item.status === "open" && !isLive ? { ...item, status: "interrupted" } : item,
  );
}

interface Change {
  readonly id: string;
  readonly kind: TranscriptItem["kind"];
  readonly title: string;
  /** Null where the record begins something. */
  readonly outcome: string | null;
  readonly status: "completed" | "failed" | "interrupted" | null;
}

function changeOf({ seq, kind, members }: JournalRecord, runs: number): Change | null {
  const text = (name: string): string => textOf(members.get(name));
  const run = { kind: "run", id: String(runs), title: "" } as const;
  const call = {
    kind: "call",
    id: text("call"),
    title: [text("method"), ...listOf(members.get("subjects"))].join(" "),
  } as const;
  const question = { kind: "question", id: text("question"), title: text("text") } as const;
  const goesOn = { outcome: null, status: null };
  switch (kind) {
    case "run.launching":
      return { ...run, ...goesOn, title: [text("program"), ...listOf(members.get("argv"))].join(" ") };
    case "run.ended":
      return { ...run, outcome: text("status"), status: "completed" };
    case "run.failed":
      // The launch is made anew, and has a record of its own.
      return { ...run, outcome: text("code"), status: "failed" };
    case "run.interrupted":
      return { ...run, outcome: "interrupted", status: "interrupted" };
    case "session.calling":
      return { ...call, ...goesOn };
    case "session.called":
      return { ...call, outcome: text("outcome"), status: text("outcome") === "ok" ? "completed" : "failed" };
    case "session.asked":
      return { ...question, ...goesOn };
    case "session.answered":
      return { ...question, outcome: text("outcome"), status: "completed" };
    case "session.summarized":
      return { kind: "summary", id: String(seq), title: text("title"), outcome: "ok", status: "completed" };
    default:
      return null;
  }
}

function begun({ time }: JournalRecord, { id, kind, title }: Change): TranscriptItem {
  return { id, kind, title, started: time, completed: null, status: "open", outcome: null };
}

function ended({ time }: JournalRecord, { outcome, status }: Change): Partial<TranscriptItem> {
  if (status === null) return {};
  return { completed: status === "interrupted" ? null : time, status, outcome };
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(textOf) : [];
}
