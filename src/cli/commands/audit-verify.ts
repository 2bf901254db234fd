import { ownEnvironment } from "../../config/index.ts";
import { listSessions, verifyJournal } from "../../audit/index.ts";
import type { VerifyResult } from "../../audit/index.ts";
import { escapeText } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { outputOptions } from "../run-options.ts";
import { findSession } from "../session-name.ts";

export const auditVerify: Command = {
  operands: "[SESSION…]",
  options: outputOptions,
  examples: ["sandboxed audit verify", "sandboxed audit verify last"],
  about: ["SESSION is an id, the start of one, or last. Without it all are checked."],
  run(parsed) {
    const all = listSessions(ownEnvironment());
    const chosen = parsed.rest.length === 0 ? all : parsed.rest.map((name) => findSession(all, name));
    const results = chosen.map(({ id, journal }) => ({ session: id, ...verifyJournal(journal) }));
    const text = results.map((result) => `${result.session}  ${resultText(result)}\n`).join("");
    const isSound = results.every(({ status }) => status === "ok");
    return {
      data: { ok: isSound, sessions: results },
      text: text === "" ? "no sessions\n" : text,
      status: isSound ? 0 : 1,
    };
  },
};

function resultText(result: VerifyResult): string {
  if (result.status === "broken") return `broken at line ${result.line}: ${escapeText(result.message)}`;
  const { count, closed, unvouched, torn } = result;
  if (closed) return `ok, ${count} records`;
  const notes = [
    `${count} records, not closed: it runs still, or ended in a crash`,
    ...(unvouched === 0 ? [] : [`the last ${unvouched} could be missing unseen`]),
    ...(torn === 0 ? [] : [`${torn} bytes of half a record at the end`]),
  ];
  return `ok, ${notes.join("; ")}`;
}
