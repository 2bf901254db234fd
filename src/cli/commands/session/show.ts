import { ownEnvironment } from "../../../config/index.ts";
import { readJournal, stateOf, transcriptOf } from "../../../audit/index.ts";
import type { TranscriptItem } from "../../../audit/index.ts";
import { escapeText } from "../../../policy/index.ts";
import type { JsonObject } from "../../../session/index.ts";
import type { Command } from "../../command.ts";
import { outputOptions } from "../../run-options.ts";
import { ABOUT_SESSION, askSession, isOpen, listIn, sessionNamed, textIn } from "./live.ts";

interface Live {
  readonly info: JsonObject;
  readonly questions: readonly JsonObject[];
  readonly summaries: readonly JsonObject[];
}

export const sessionShow: Command = {
  operands: "SESSION",
  options: outputOptions,
  examples: ["sandboxed session show last", "sandboxed session show last --json"],
  about: [
    ABOUT_SESSION,
    "What it did, from its journal. Of an open one also its grants, the questions that wait, and its summaries.",
  ],
  async run(parsed) {
    const session = sessionNamed(parsed);
    const state = stateOf(ownEnvironment(), session);
    const records = [...readJournal(session.journal)];
    const opened = records.find(({ kind }) => kind === "session.opened");
    const items = transcriptOf(records, state === "running");
    const command = opened?.members.get("argv");
    const live = (await isOpen(session))
      ? await askSession(session, async (call): Promise<Live> => ({
          info: await call("session.info"),
          questions: listIn((await call("control.questions"))["questions"]),
          summaries: listIn((await call("control.summaries"))["summaries"]),
        }))
      : null;
    const { questionLines, dataLines, unpainted } = await import("../../../session/questions/index.ts");
    const width = process.stdout.columns || 80;
    const lines = [
      `${session.id}  ${session.opened}  ${state}`,
      `command: ${escapeText(Array.isArray(command) ? command.join(" ") : "")}`,
      ...itemLines(items, width),
      ...(live === null ? [] : grantLines(live.info)),
      ...(live?.questions ?? []).flatMap((question) => [
        ...questionLines(asQuestion(question), width, unpainted),
        `  answer with: sandboxed session reply ${session.id} ${escapeText(textIn(question["id"]))} yes`,
      ]),
      ...(live?.summaries ?? []).flatMap((summary) => [
        `summary by ${escapeText(textIn(summary["by"]))}: ${escapeText(textIn(summary["title"]))}`,
        ...dataLines(summary["data"] ?? null, width - 2).map((line) => `  ${line}`),
      ]),
    ];
    const { id, opened: time, folder } = session;
    return {
      data: { session: id, opened: time, state, folder, command: command ?? null, items, live },
      text: `${lines.join("\n")}\n`,
      status: 0,
    };
  },
};

/** The last ones in a table; all of them are in the JSON. */
const MOST_ITEMS = 30;

function itemLines(items: readonly TranscriptItem[], width: number): readonly string[] {
  const shown = items.slice(-MOST_ITEMS);
  const left = items.length - shown.length;
  return [
    ...(left === 0 ? [] : [`  … ${left} before these: --json has them`]),
    ...shown.map(({ started, kind, id, status, outcome, title }) => {
      const came = status === "completed" && outcome === "ok" ? "" : ` ${outcome ?? ""}`.trimEnd();
      const line = `  ${started.slice(11, 19)}  ${status}${came}  ${kind} ${id}: ${title}`;
      const text = escapeText(line);
      return text.length > width ? `${text.slice(0, width - 1)}…` : text;
    }),
  ];
}

function grantLines(info: JsonObject): readonly string[] {
  return listIn(info["grants"]).map((grant) => {
    const capabilities = grant["capabilities"];
    const texts = Array.isArray(capabilities) ? capabilities.map(String) : [];
    return `grant ${escapeText(textIn(grant["grant"]))}: ${escapeText(texts.join("  "))}`;
  });
}

/** As the session sent it; every member is checked where it is shown. */
function asQuestion(question: JsonObject) {
  const diff = question["diff"];
  return {
    id: textIn(question["id"]),
    session: textIn(question["session"]),
    kind: question["kind"] === "approval" ? ("approval" as const) : ("checkpoint" as const),
    text: textIn(question["text"]),
    data: question["data"] ?? null,
    diff: typeof diff === "string" ? diff : null,
    schema: question["schema"] ?? null,
    timeout: null,
    holder: textIn(question["holder"]),
    call: textIn(question["call"]),
  };
}
