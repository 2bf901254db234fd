import { FILE_HEADERS_ONLY, formatPatch, structuredPatch } from "diff";
import { hasTooManyLines, mostLines, textOf } from "../bytes.ts";

/** What changes in one file, as it is shown before and told afterwards. */
export interface ChangeSummary {
  readonly path: string;
  readonly change: "add" | "update" | "delete" | "move";
  /** The old name of a file that is moved. */
  readonly from: string | null;
  readonly added: number;
  readonly removed: number;
  /** SHA-256 in hex; null where there was, or will be, no file. */
  readonly before: string | null;
  readonly after: string | null;
}

/** Beyond so many changed lines the shortest diff is not searched for: all old lines, then all new ones. */
const MOST_EDITS = 1000;

export interface DiffedFile {
  readonly path: string;
  readonly from: string | null;
  readonly before: Buffer | null;
  readonly after: Buffer | null;
}

export interface Diffed {
  readonly added: number;
  readonly removed: number;
  /** Unified, of what the file is and what it will be: never of what the patch says. */
  readonly diff: string;
}

export function diffOf({ path, from, before, after }: DiffedFile): Diffed {
  const names = [before === null ? "/dev/null" : (from ?? path), after === null ? "/dev/null" : path] as const;
  const old = before === null ? "" : textOf(before);
  const now = after === null ? "" : textOf(after);
  const isLong = [before, after].some((bytes) => bytes !== null && hasTooManyLines(bytes));
  if (old === null || now === null || isLong) {
    const what = isLong ? `More than ${mostLines} lines, not compared` : "Binary";
    const diff = `--- ${names[0]}\n+++ ${names[1]}\n${what}: ${before?.length ?? 0} bytes become ${after?.length ?? 0}\n`;
    return { added: 0, removed: 0, diff };
  }
  const options = { context: 3, maxEditLength: MOST_EDITS };
  const made =
    structuredPatch(names[0], names[1], old, now, undefined, undefined, options) ?? replaced(names, old, now);
  const count = (sign: string): number =>
    made.hunks.reduce((sum, { lines }) => sum + lines.filter((line) => line.startsWith(sign)).length, 0);
  const diff = formatPatch(made, FILE_HEADERS_ONLY);
  return { added: count("+"), removed: count("-"), diff };
}

function replaced(names: readonly [string, string], old: string, now: string): ReturnType<typeof structuredPatch> {
  const [oldLines, newLines] = [signed(old, "-"), signed(now, "+")];
  const count = (lines: readonly string[]): number => lines.filter((line) => !line.startsWith("\\")).length;
  return {
    oldFileName: names[0],
    newFileName: names[1],
    oldHeader: undefined,
    newHeader: undefined,
    hunks: [
      {
        oldStart: 1,
        oldLines: count(oldLines),
        newStart: 1,
        newLines: count(newLines),
        lines: [...oldLines, ...newLines],
      },
    ],
  };
}

function signed(text: string, sign: string): readonly string[] {
  if (text === "") return [];
  const lines = (text.endsWith("\n") ? text.slice(0, -1) : text).split("\n").map((line) => `${sign}${line}`);
  return text.endsWith("\n") ? lines : [...lines, "\\ No newline at end of file"];
}
