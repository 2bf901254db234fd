import { escapeText } from "../../policy/index.ts";
import type { JsonObject } from "../json.ts";
import type { Question } from "../question.ts";
import { parseReply } from "./callback.ts";
import { readField } from "./fields.ts";
import type { Answerer, Asked, Given } from "./room.ts";
import { questionLines } from "./show.ts";
import type { Paint } from "./show.ts";

/** A person's terminal, ours alone while a question is put there. */
export interface Desk {
  readonly width: number;
  /** Lines that fit at once. */
  readonly height: number;
  readonly paint: Paint;
  write(text: string): void;
  /** The next line without its end; null at the end of input, or when the signal is aborted. */
  readLine(signal: AbortSignal): Promise<string | null>;
  /** The terminal is the program's again. */
  leave(): void;
}

/** Null when the terminal cannot be had. */
export type TakeDesk = (question: Question) => Promise<Desk | null>;

/** Asks the person at the terminal. One question at a time; what was typed before it was shown is no answer. */
export function terminalAnswerer(takeDesk: TakeDesk): Answerer {
  let turn: Promise<unknown> = Promise.resolve();
  return {
    name: "you",
    ask(asked, signal) {
      const mine = turn.then(() => atDesk(takeDesk, asked, signal));
      turn = mine.catch(() => {});
      return mine;
    },
  };
}

async function atDesk(takeDesk: TakeDesk, asked: Asked, signal: AbortSignal): Promise<Given | null> {
  if (signal.aborted) return null;
  const desk = await takeDesk(asked.question);
  if (desk === null) return null;
  try {
    const given = await put(desk, asked, signal);
    if (given === null) desk.write(desk.paint("dim", "── answered elsewhere, or withdrawn ──\n"));
    return given;
  } finally {
    desk.leave();
  }
}

async function put(desk: Desk, { question, form, faults }: Asked, signal: AbortSignal): Promise<Given | null> {
  if (!(await show(desk, questionLines(question, desk.width, desk.paint), signal))) return null;
  for (;;) {
    const hint = form === null ? "[y]es or [n]o" : "[n]o, or [y]es and then what is asked for";
    desk.write(`${desk.paint("bold", "Allow?")} ${hint}: `);
    // oxlint-disable-next-line no-await-in-loop -- a person answers one thing after the other
    const line = await desk.readLine(signal);
    if (line === null) return signal.aborted ? null : { approve: false };
    const word = line.trim().toLowerCase();
    if (word === "n" || word === "no") return { approve: false };
    // Whoever knows what the program looks for can say it, though no field asks for it.
    const whole = line.startsWith("{") ? parseReply(line) : null;
    if (whole !== null && faults(whole).length === 0) return whole;
    // Nothing but a whole answer counts: a key pressed by chance is none.
    if (word !== "y" && word !== "yes") continue;
    const content: Record<string, JsonObject[string]> = Object.create(null);
    for (const [name, field] of form?.fields ?? []) {
      // oxlint-disable-next-line no-await-in-loop -- likewise
      const value = await readField(desk, name, field, form?.required.has(name) === true, signal);
      if (value === null) return signal.aborted ? null : { approve: false };
      if (value.given) content[name] = value.value;
    }
    const given: Given = { approve: true, content };
    const wrong = faults(given);
    if (wrong.length === 0) return given;
    desk.write(wrong.map((fault) => `${escapeText(fault)}\n`).join(""));
  }
}

/** A screenful at a time, to the end: whoever says yes has had all of it before them. False when withdrawn. */
async function show(desk: Desk, lines: readonly string[], signal: AbortSignal): Promise<boolean> {
  const most = Math.max(5, desk.height - 4);
  for (let at = 0; at < lines.length; at += most) {
    desk.write(
      lines
        .slice(at, at + most)
        .map((line) => `${line}\n`)
        .join(""),
    );
    const left = lines.length - at - most;
    if (left <= 0) break;
    desk.write(desk.paint("dim", `── ${left} more of ${lines.length} lines: Enter shows them ──`));
    // oxlint-disable-next-line no-await-in-loop -- a person reads one page after the other
    if ((await desk.readLine(signal)) === null) return false;
  }
  return true;
}
