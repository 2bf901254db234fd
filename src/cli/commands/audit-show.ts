import { ownEnvironment } from "../../config/index.ts";
import { listSessions, readJournal } from "../../audit/index.ts";
import type { JournalRecord } from "../../audit/index.ts";
import { escapeText } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { outputOptions } from "../run-options.ts";
import { findSession } from "../session-name.ts";

export const auditShow: Command = {
  operands: "[SESSION]",
  options: outputOptions,
  examples: ["sandboxed audit show", "sandboxed audit show last", "sandboxed audit show 20261121-153000-4ya0c --json"],
  about: ["SESSION is an id, the start of one, or last. Without it the sessions are listed."],
  run(parsed) {
    const sessions = listSessions(ownEnvironment());
    const [name] = parsed.rest;
    if (name === undefined) {
      const lines = sessions.map(({ id, opened }) => `${id}  ${opened}\n`);
      return { data: { sessions }, text: lines.length === 0 ? "no sessions\n" : lines.join(""), status: 0 };
    }
    const session = findSession(sessions, name);
    const records = [...readJournal(session.journal)];
    const data = records.map(({ members, ...record }) => ({ ...record, ...Object.fromEntries(members) }));
    return { data: { session: session.id, records: data }, text: records.map(recordText).join(""), status: 0 };
  },
};

function recordText({ seq, time, kind, members }: JournalRecord): string {
  const lines = [...members].map(
    ([name, value]) =>
      `    ${escapeText(name)} ${escapeText(typeof value === "string" ? value : JSON.stringify(value))}\n`,
  );
  return `${String(seq).padStart(4)} ${escapeText(time)} ${escapeText(kind)}\n${lines.join("")}`;
}
