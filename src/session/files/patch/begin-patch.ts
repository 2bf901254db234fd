import { invalid } from "../refusal.ts";
import type { FilePatch, Hunk, HunkLine } from "./model.ts";

const BEGIN = "*** Begin Patch";
const END = "*** End Patch";
const ADD = "*** Add File: ";
const DELETE = "*** Delete File: ";
const UPDATE = "*** Update File: ";
const MOVE = "*** Move to: ";
const END_OF_FILE = "*** End of File";

/** Whether the text is of this form, a shell's here-document around it or not. */
export function isBeginPatch(text: string): boolean {
  return unwrapped(text)[0]?.trim() === BEGIN;
}

/**
 * The form that coding agents write: files named by markers, pieces found by their lines and not by numbers.
 * Errors: `invalid_params`, with the line that is wrong.
 */
export function parseBeginPatch(text: string): readonly FilePatch[] {
  return new Parser(unwrapped(text)).parse();
}

/** `<<'EOF'` … `EOF` around it is what a model writes that takes the tool for a command. */
function unwrapped(text: string): readonly string[] {
  const lines = text.trim().split("\n");
  const isCarriage = lines.length > 1 && lines.slice(0, -1).every((line) => line.endsWith("\r"));
  const plain = isCarriage ? lines.map((line) => line.replace(/\r$/, "")) : lines;
  const quote = /^<<-?(?<quote>['"]?)(?<word>\w+)\k<quote>$/.exec(plain[0]?.trim() ?? "");
  return quote !== null && plain.at(-1)?.trim() === quote.groups?.["word"] ? plain.slice(1, -1) : plain;
}

class Parser {
  readonly #lines: readonly string[];
  #at = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines;
  }

  parse(): readonly FilePatch[] {
    if (this.#take()?.trim() !== BEGIN) throw this.#wrong(`a patch begins with ${JSON.stringify(BEGIN)}`);
    const files: FilePatch[] = [];
    for (let line = this.#take(); line?.trim() !== END; line = this.#take()) {
      if (line === undefined) throw this.#wrong(`a patch ends with ${JSON.stringify(END)}`);
      files.push(this.#file(line.trim()));
    }
    if (this.#at < this.#lines.length) throw this.#wrong("something stands behind the end of the patch");
    return files;
  }

  #file(marker: string): FilePatch {
    const none = { moveTo: null, content: null, hunks: [], isExecutable: false };
    if (marker.startsWith(ADD)) {
      return { ...none, change: "add", path: this.#name(marker, ADD), content: this.#added() };
    }
    if (marker.startsWith(DELETE)) return { ...none, change: "delete", path: this.#name(marker, DELETE) };
    if (!marker.startsWith(UPDATE)) throw this.#wrong(`expected ${ADD.trim()}, ${DELETE.trim()} or ${UPDATE.trim()}`);
    const path = this.#name(marker, UPDATE);
    const isMoved = this.#peek()?.trim().startsWith(MOVE) === true;
    const moveTo = isMoved ? this.#name(this.#take()?.trim() ?? "", MOVE) : null;
    const hunks = this.#hunks();
    if (hunks.length === 0 && moveTo === null) throw this.#wrong(`nothing is changed in ${JSON.stringify(path)}`);
    return { ...none, change: "update", path, moveTo, hunks };
  }

  #name(marker: string, prefix: string): string {
    const name = marker.slice(prefix.length).trim();
    if (name === "") throw this.#wrong("a file has no name");
    return name;
  }

  #added(): string {
    const lines: string[] = [];
    for (let line = this.#peek(); line?.startsWith("+") === true; line = this.#peek()) {
      lines.push(line.slice(1));
      this.#at += 1;
    }
    return lines.map((line) => `${line}\n`).join("");
  }

  #hunks(): readonly Hunk[] {
    const hunks: Hunk[] = [];
    for (let line = this.#peek(); line !== undefined && !isFileMarker(line); line = this.#peek()) {
      // Between two pieces an empty line is nothing.
      if (line.trim() === "" && hunks.length > 0) this.#at += 1;
      else hunks.push(this.#hunk(hunks.length === 0));
    }
    return hunks;
  }

  #hunk(isFirst: boolean): Hunk {
    const anchors: string[] = [];
    const begin = this.#at;
    for (let line = this.#peek(); line !== undefined && isAnchor(line); line = this.#peek()) {
      const anchor = line.slice(3);
      if (anchor.trim() !== "") anchors.push(anchor);
      this.#at += 1;
    }
    // The first piece of a file may do without.
    if (this.#at === begin && !isFirst) throw this.#wrong('expected "@@", or the next file');
    const lines: HunkLine[] = [];
    for (let line = this.#peek(); line !== undefined; line = this.#peek()) {
      const read = readLine(line);
      if (read === null) break;
      lines.push(read);
      this.#at += 1;
    }
    if (lines.length === 0) throw this.#wrong("a piece of a file has no lines");
    const isAtEnd = this.#peek()?.trim() === END_OF_FILE;
    if (isAtEnd) this.#at += 1;
    return { line: null, anchors, lines, isAtEnd, endsWithBreak: true };
  }

  #peek(): string | undefined {
    return this.#lines[this.#at];
  }

  #take(): string | undefined {
    return this.#lines[this.#at++];
  }

  #wrong(what: string): Error {
    const line = this.#lines[Math.max(0, this.#at - 1)];
    const shown = line === undefined ? "" : `, found ${JSON.stringify(line.slice(0, 120))}`;
    return invalid(`the patch, line ${Math.min(Math.max(1, this.#at), this.#lines.length)}: ${what}${shown}`);
  }
}

/** An empty line is an empty line of the file: editors take the blank in front of it away. */
function readLine(line: string): HunkLine | null {
  if (line === "") return { kind: "keep", text: "" };
  const kind = line.startsWith(" ") ? "keep" : line.startsWith("-") ? "remove" : line.startsWith("+") ? "add" : null;
  return kind === null ? null : { kind, text: line.slice(1) };
}

function isAnchor(line: string): boolean {
  return line === "@@" || line.startsWith("@@ ");
}

function isFileMarker(line: string): boolean {
  const text = line.trim();
  return text === END || [ADD, DELETE, UPDATE].some((marker) => text.startsWith(marker));
}
