/** What a patch says of one file, before anything is looked at. */
export interface FilePatch {
  readonly change: "add" | "update" | "delete";
  /** As written. */
  readonly path: string;
  /** The file's new name, as written. */
  readonly moveTo: string | null;
  /** The whole of a file that is added. */
  readonly content: string | null;
  readonly hunks: readonly Hunk[];
  /** Whether a file that is added may be executed. */
  readonly isExecutable: boolean;
}

/** A piece of a file, and what takes its place. */
export interface Hunk {
  /** The line where it is expected, counted from 0; null where it is to be searched for. */
  readonly line: number | null;
  /** Lines that stand somewhere before it, each after the one before. */
  readonly anchors: readonly string[];
  readonly lines: readonly HunkLine[];
  /** It is the end of the file. */
  readonly isAtEnd: boolean;
  /** Whether the file then ends with a line break; null leaves it as it is. */
  readonly endsWithBreak: boolean | null;
}

export interface HunkLine {
  readonly kind: "keep" | "remove" | "add";
  /** Without its line break. */
  readonly text: string;
}

/** A person approves it, and all of it is in memory. */
export const mostPatchBytes = 4 * 1024 * 1024;
export const mostPatchFiles = 256;
