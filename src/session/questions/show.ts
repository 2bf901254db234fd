import { escapeText } from "../../policy/index.ts";
import type { Question } from "../question.ts";
import { dataLines } from "./show-data.ts";

export type Paint = (style: "bold" | "dim" | "red" | "green" | "cyan", text: string) => string;

export const unpainted: Paint = (_, text) => text;

/** Who asks, what, and all that belongs to it, escaped. Nothing is left out. */
export function questionLines(question: Question, width: number, paint: Paint): readonly string[] {
  const { kind, text, data, diff, holder, id } = question;
  const who = kind === "checkpoint" ? "the program asks" : "the program wants to act, and you are to allow it";
  return [
    paint("dim", `── ${who} (${escapeText(holder)}, question ${escapeText(id)}) ──`),
    paint("bold", escapeText(text)),
    ...dataLines(data, Math.max(20, width - 2)).map((line) => `  ${line}`),
    ...(diff === null ? [] : diffLines(diff, paint)),
  ];
}

/** Spaces at the end of a changed line are part of the change, and are marked. */
export function diffLines(diff: string, paint: Paint): readonly string[] {
  const lines = (diff.endsWith("\n") ? diff.slice(0, -1) : diff).split("\n");
  return lines.map((line) => {
    const shown = `  ${escapeText(line).replace(/ +$/, (spaces) => "·".repeat(spaces.length))}`;
    if (/^(\+\+\+|---) /.test(line)) return paint("bold", shown);
    if (line.startsWith("+")) return paint("green", shown);
    if (line.startsWith("-")) return paint("red", shown);
    return line.startsWith("@@") ? paint("cyan", shown) : shown;
  });
}
