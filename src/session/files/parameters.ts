import type { SessionContext } from "../context.ts";
import type { JsonObject } from "../json.ts";
import { Params } from "../params.ts";
import { mostBytes } from "./bytes.ts";
import { mostPatchBytes } from "./patch/model.ts";
import { parsePatch } from "./patch/parse.ts";
import type { ReadRange } from "./read.ts";
import { invalid } from "./refusal.ts";

/** Longer than any path that a system takes. */
const LONGEST_PATH = 4096;

export function pathIn(method: string, params: JsonObject): string {
  return new Params(method, params, ["path"]).text("path", LONGEST_PATH);
}

export function patternIn(params: JsonObject): string {
  return new Params("session.glob", params, ["pattern"]).text("pattern", LONGEST_PATH);
}

export interface ReadParams {
  readonly path: string;
  readonly isText: boolean;
  readonly range: ReadRange;
}

export function readParams(params: JsonObject): ReadParams {
  const given = new Params("session.read", params, ["path", "encoding", "offset", "limit"]);
  // Zero is an offset, and no count.
  const offset = given.any("offset") === 0 ? 0 : given.count("offset", Number.MAX_SAFE_INTEGER);
  const limit = given.count("limit", mostBytes);
  return {
    path: given.text("path", LONGEST_PATH),
    isText: isText(given.optionalText("encoding", 20)),
    range: { ...(offset !== null && { offset }), ...(limit !== null && { limit }) },
  };
}

export interface WriteParams {
  readonly path: string;
  readonly bytes: Buffer;
}

export function writeParams(params: JsonObject): WriteParams {
  const given = new Params("session.write", params, ["path", "content", "encoding"]);
  const content = given.text("content", 2 * mostBytes);
  const path = given.text("path", LONGEST_PATH);
  if (isText(given.optionalText("encoding", 20))) {
    if (/\p{Surrogate}/u.test(content))
      throw invalid("the content holds half a character", 'send bytes with encoding "base64"');
    return { path, bytes: Buffer.from(content) };
  }
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(content) || content.length % 4 !== 0) throw invalid("the content is no base64");
  return { path, bytes: Buffer.from(content, "base64") };
}

export interface PatchParams {
  readonly patch: string;
  readonly path: string | null;
}

export function patchParams(params: JsonObject): PatchParams {
  const given = new Params("session.apply_patch", params, ["path", "patch"]);
  return { patch: given.text("patch", mostPatchBytes), path: given.optionalText("path", LONGEST_PATH) };
}

/** Every name of the patch, new ones too. Where `path` is given it is about nothing else. */
export function patchSubjects(params: JsonObject, context: SessionContext): readonly string[] {
  const { patch, path } = patchParams(params);
  const names = parsePatch(patch, path).flatMap((file) =>
    file.moveTo === null ? [file.path] : [file.path, file.moveTo],
  );
  const subjects = [...new Set(names.map((name) => context.locate(name)))];
  if (path === null) return subjects;
  const only = context.locate(path);
  if (subjects.some((subject) => subject !== only)) {
    throw invalid(
      `the patch is about other files than ${JSON.stringify(path)}`,
      "leave path out, or correct the patch",
    );
  }
  return subjects;
}

function isText(encoding: string | null): boolean {
  if (encoding === null || encoding === "utf-8" || encoding === "utf8") return true;
  if (encoding === "base64") return false;
  throw invalid(`${JSON.stringify(encoding)} is no encoding of the session`, 'it knows "utf-8" and "base64"');
}
