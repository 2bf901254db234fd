import { parsePatch } from "diff";
import type { StructuredPatch, StructuredPatchHunk } from "diff";
import { invalid } from "../refusal.ts";
import type { FilePatch, Hunk, HunkLine } from "./model.ts";

/**
 * A unified diff as `diff -u`, git and Python's difflib write it. `path` names the one file that it is about, whatever
 * its headers say. Errors: `invalid_params`.
 */
export function parseUnified(text: string, path: string | null): readonly FilePatch[] {
  const files = sections(text).filter((file) => file.hunks.length > 0 || file.isGit === true);
  if (files.length === 0) throw invalid("the patch holds no change", 'a diff has lines that begin with "@@"');
  if (path !== null && files.length > 1) {
    throw invalid(`the patch is about ${files.length} files, path names one`, "leave path out");
  }
  return files.map((file) => filePatch(file, path));
}

function sections(text: string): readonly StructuredPatch[] {
  try {
    return parsePatch(text);
  } catch (error) {
    throw invalid(`the patch is no unified diff: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function filePatch(file: StructuredPatch, given: string | null): FilePatch {
  const names = namesOf(file);
  const path = given ?? names.old ?? names.new;
  if (path === null) throw invalid("a file of the patch has no name", "give path");
  refuseUnsupported(file, path);
  const moveTo = given === null && names.old !== null && file.isRename === true ? names.new : null;
  const isNew = file.isCreate === true || names.isNew;
  const isGone = file.isDelete === true || names.isGone;
  if (isNew && isGone) throw invalid(`${JSON.stringify(path)} is said to be new and gone at once`);
  const hunks = file.hunks.map(hunkOf);
  const none = { moveTo: null, content: null, hunks: [], isExecutable: false };
  if (isNew) {
    const content = contentOf(hunks, path);
    return { ...none, change: "add", path, content, isExecutable: file.newMode === "100755" };
  }
  if (isGone) return { ...none, change: "delete", path, hunks };
  if (hunks.length === 0 && moveTo === null) throw invalid(`nothing is changed in ${JSON.stringify(path)}`);
  // Without git's word for a rename, two names are one file and its backup, or a folder name in front.
  return { ...none, change: "update", path: given ?? (moveTo === null ? (names.new ?? path) : path), moveTo, hunks };
}

function refuseUnsupported(file: StructuredPatch, path: string): void {
  const shown = JSON.stringify(path);
  if (file.isBinary === true) throw invalid(`the patch of ${shown} is a binary one`, "write the file instead");
  if (file.isCopy === true) throw invalid(`the patch of ${shown} is a copy`, "add the file with all its lines");
  for (const mode of [file.oldMode, file.newMode]) {
    if (mode !== undefined && !/^100[0-7]{3}$/.test(mode)) {
      throw invalid(`the patch of ${shown} is about something else than a file (mode ${mode})`);
    }
  }
  const isModeChange = file.oldMode !== undefined && file.newMode !== undefined && file.oldMode !== file.newMode;
  if (isModeChange) throw invalid(`the patch of ${shown} changes its mode`, "modes are left as they are");
}

interface Names {
  readonly old: string | null;
  readonly new: string | null;
  readonly isNew: boolean;
  readonly isGone: boolean;
}

/** `a/` and `b/` are git's, where both are there. */
function namesOf({ oldFileName, newFileName }: StructuredPatch): Names {
  const isNew = oldFileName === "/dev/null";
  const isGone = newFileName === "/dev/null";
  const isPrefixed =
    (isNew || oldFileName?.startsWith("a/") === true) && (isGone || newFileName?.startsWith("b/") === true);
  const plain = (name: string | undefined): string | null =>
    name === undefined || name === "" || name === "/dev/null" ? null : isPrefixed ? name.slice(2) : name;
  return { old: plain(oldFileName), new: plain(newFileName), isNew, isGone };
}

function hunkOf({ oldStart, lines }: StructuredPatchHunk): Hunk {
  if (!Number.isSafeInteger(oldStart))
    throw invalid('a line that begins with "@@" does not say which lines it is about');
  const read: HunkLine[] = [];
  let oldEnds = true;
  let newEnds = true;
  for (const line of lines) {
    const kind = kinds.get(line.slice(0, 1)) ?? null;
    if (kind !== null) read.push({ kind, text: line.slice(1) });
    else if (line.startsWith("\\")) {
      const last = read.at(-1)?.kind;
      if (last !== "add") oldEnds = false;
      if (last !== "remove") newEnds = false;
    }
  }
  const endsWithBreak = newEnds ? (oldEnds ? null : true) : false;
  return { line: oldStart - 1, anchors: [], lines: read, isAtEnd: !oldEnds, endsWithBreak };
}

/** An editor may have taken the blank of an empty line away. */
const kinds: ReadonlyMap<string, HunkLine["kind"]> = new Map([
  ["", "keep"],
  [" ", "keep"],
  ["-", "remove"],
  ["+", "add"],
]);

function contentOf(hunks: readonly Hunk[], path: string): string {
  const lines = hunks.flatMap((hunk) => hunk.lines);
  if (lines.some(({ kind }) => kind !== "add")) {
    throw invalid(`${JSON.stringify(path)} is said to be new, and the patch holds old lines of it`);
  }
  if (lines.length === 0) return "";
  return lines.map(({ text }) => text).join("\n") + (hunks.at(-1)?.endsWithBreak === false ? "" : "\n");
}
