import { hasTooManyLines, mostLines } from "../bytes.ts";
import { invalid, tooLarge } from "../refusal.ts";
import { isBeginPatch, parseBeginPatch } from "./begin-patch.ts";
import { mostPatchBytes, mostPatchFiles } from "./model.ts";
import type { FilePatch } from "./model.ts";
import { parseUnified } from "./unified.ts";

/**
 * Reads a patch of either form; `path` names the only file that it may be about. Nothing is looked at.
 * Errors: `invalid_params`, `too_large`.
 */
export function parsePatch(text: string, path: string | null = null): readonly FilePatch[] {
  const bytes = Buffer.from(text);
  if (bytes.length > mostPatchBytes) {
    throw tooLarge("the patch is too long", `at most ${mostPatchBytes} bytes in one`);
  }
  if (hasTooManyLines(bytes)) throw tooLarge(`the patch has more than ${mostLines} lines`, "apply it in parts");
  if (text.includes("\0")) throw invalid("a patch cannot hold NUL");
  const isBegin = isBeginPatch(text);
  const files = isBegin ? parseBeginPatch(text) : parseUnified(text, path);
  if (files.length === 0) throw invalid("the patch holds no change");
  if (files.length > mostPatchFiles) {
    throw tooLarge(`the patch is about ${files.length} files`, `at most ${mostPatchFiles} in one`);
  }
  return files;
}
