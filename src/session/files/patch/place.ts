import { conflict, tooLarge } from "../refusal.ts";
import type { Hunk, HunkLine } from "./model.ts";

/**
 * The text with the hunks put in, each after the one before. Lines that are kept stay as the file has them.
 * Errors: `conflict` where the lines of a hunk are not found; `too_large` where finding them takes too long.
 */
export function applyHunks(text: string, hunks: readonly Hunk[], shown: string): string {
  const { lines: file, endsWithBreak: endedWithBreak } = splitLines(text);
  // A patch that shows carriage returns says where they stay; one that shows none was made without seeing them.
  const isBlind = !hunks.some(({ lines }) =>
    lines.some(({ kind, text: line }) => kind !== "add" && line.endsWith("\r")),
  );
  const usesCarriage = isBlind && file.length > 0 && file.every((line) => line.endsWith("\r"));
  const finder = new Finder(file);
  const result: string[] = [];
  let copied = 0;
  let shift = 0;
  let endsWithBreak = endedWithBreak;
  for (const [index, hunk] of hunks.entries()) {
    const placed = finder.place(hunk, copied, shift);
    if (placed === null) throw notFound(hunk, index, shown);
    if (hunk.line !== null) shift = placed.at - hunk.line;
    for (const line of file.slice(copied, placed.at)) result.push(line);
    copied = placed.at;
    for (const { kind, text: line } of placed.lines) {
      if (kind === "keep") result.push(file[copied] ?? line);
      else if (kind === "add") result.push(usesCarriage && !line.endsWith("\r") ? `${line}\r` : line);
      if (kind !== "add") copied += 1;
    }
    if (hunk.endsWithBreak === true || (hunk.endsWithBreak === false && copied === file.length)) {
      endsWithBreak = hunk.endsWithBreak;
    }
  }
  for (const line of file.slice(copied)) result.push(line);
  return result.length === 0 ? "" : result.join("\n") + (endsWithBreak ? "\n" : "");
}

function notFound(hunk: Hunk, index: number, shown: string): Error {
  const wanted = [...hunk.anchors, ...oldLines(hunk.lines)].slice(0, 3);
  const what = `does not hold the lines that change ${index + 1} of the patch is about: ${JSON.stringify(wanted).slice(0, 300)}`;
  return conflict(shown, what, "read the file again and make the patch anew");
}

interface Lines {
  readonly lines: readonly string[];
  /** True of an empty file as well: what is put in ends so. */
  readonly endsWithBreak: boolean;
}

function splitLines(text: string): Lines {
  if (text === "") return { lines: [], endsWithBreak: true };
  const endsWithBreak = text.endsWith("\n");
  return { lines: (endsWithBreak ? text.slice(0, -1) : text).split("\n"), endsWithBreak };
}

interface Placed {
  readonly at: number;
  readonly lines: readonly HunkLine[];
}

function oldLines(lines: readonly HunkLine[]): readonly string[] {
  return lines.filter(({ kind }) => kind !== "add").map(({ text }) => text);
}

/** How far two lines may be apart and still be the same: first not at all, then in blanks, then in kinds of dashes. */
const likenesses: readonly ((line: string) => string)[] = [
  (line) => line,
  (line) => line.trimEnd(),
  (line) => line.trim(),
  (line) =>
    line
      .trim()
      .replace(/[\u2010-\u2015\u2212]/g, "-")
      .replace(/[\u2018-\u201B]/g, "'")
      .replace(/[\u201C-\u201F]/g, '"')
      .replace(/[\u00A0\u2002-\u200A\u202F\u205F\u3000]/g, " "),
];

/** Where the number of a line is given, it is the same but for a carriage return. */
const numbered = (line: string): string => (line.endsWith("\r") ? line.slice(0, -1) : line);

/** Characters looked at for one file: lines that are all alike make every place one to try. */
const MOST_COMPARED = 200_000_000;

class Finder {
  readonly #file: readonly string[];
  readonly #alike = new Map<(line: string) => string, readonly string[]>();
  #left = MOST_COMPARED;

  constructor(file: readonly string[]) {
    this.#file = file;
  }

  /** Not before line `from`; `shift` is how far the hunk before was from where it said. */
  place(hunk: Hunk, from: number, shift: number): Placed | null {
    let start = from;
    for (const anchor of hunk.anchors) {
      const found = this.#search([anchor], start, false);
      if (found === null) return null;
      start = found + 1;
    }
    const wanted = oldLines(hunk.lines);
    if (wanted.length === 0) {
      const free = hunk.anchors.length > 0 ? start : this.#file.length;
      const at = hunk.line === null ? free : hunk.line + shift;
      return at < start || at > this.#file.length ? null : { at, lines: hunk.lines };
    }
    if (hunk.line !== null) {
      const at = this.#nearest(wanted, hunk.line + shift, { start, isAtEnd: hunk.isAtEnd });
      return at === null ? null : { at, lines: hunk.lines };
    }
    const at = this.#search(wanted, start, hunk.isAtEnd);
    if (at !== null) return { at, lines: hunk.lines };
    // Some writers take the last line break for one more, empty line.
    const last = hunk.lines.at(-1);
    if (last?.kind !== "keep" || last.text !== "" || wanted.length === 1) return null;
    const shorter = this.#search(wanted.slice(0, -1), start, true);
    return shorter === null ? null : { at: shorter, lines: hunk.lines.slice(0, -1) };
  }

  #search(wanted: readonly string[], start: number, isAtEnd: boolean): number | null {
    const end = this.#file.length - wanted.length;
    for (const likeness of likenesses) {
      const lines = wanted.map(likeness);
      for (let at = isAtEnd ? Math.max(start, end) : start; at <= end; at++) {
        if (this.#fits(lines, likeness, at)) return at;
      }
    }
    return null;
  }

  #nearest(
    wanted: readonly string[],
    expected: number,
    { start, isAtEnd }: { readonly start: number; readonly isAtEnd: boolean },
  ): number | null {
    const end = this.#file.length - wanted.length;
    const first = isAtEnd ? Math.max(start, end) : start;
    const lines = wanted.map(numbered);
    const furthest = Math.max(expected - first, end - expected);
    for (let distance = 0; distance <= furthest; distance++) {
      for (const at of distance === 0 ? [expected] : [expected - distance, expected + distance]) {
        if (at >= first && at <= end && this.#fits(lines, numbered, at)) return at;
      }
    }
    return null;
  }

  #fits(lines: readonly string[], likeness: (line: string) => string, at: number): boolean {
    const file = this.#linesAs(likeness);
    for (const [index, line] of lines.entries()) {
      this.#left -= 8 + line.length;
      if (this.#left < 0) throw tooLarge("finding the place of a change takes too long", "write the file instead");
      if (file[at + index] !== line) return false;
    }
    return true;
  }

  #linesAs(likeness: (line: string) => string): readonly string[] {
    let lines = this.#alike.get(likeness);
    if (lines === undefined) this.#alike.set(likeness, (lines = this.#file.map(likeness)));
    return lines;
  }
}
