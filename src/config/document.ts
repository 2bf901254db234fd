import { parse, TomlError } from "smol-toml";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { Layer, Provenance } from "../policy/index.ts";
import { locate, readDottedKey } from "./positions.ts";
import type { Position } from "./positions.ts";

/** A table as the TOML parser gives it: no prototype, so that no key of a user's means something else. */
export type TomlObject = { readonly [key: string]: unknown };

/** TOML text with a name, parsed, and able to say where each of its keys stands. */
export interface Document {
  /** The file's path; null for what was typed on the command line. */
  readonly file: string | null;
  /** How messages call it: the path, escaped, or the option. */
  readonly name: string;
  readonly layer: Layer;
  readonly owner: string;
  readonly value: TomlObject;
  /** Where a key was written, or the deepest table above it that was. */
  readonly position: (path: readonly (string | number)[]) => Position | null;
  /** Line and column are looked up when first asked for: most values never need them. */
  readonly provenance: (path: readonly (string | number)[]) => Provenance;
}

/** Deeper than any configuration, shallower than any stack. */
const maxDepth = 64;

const byteOrderMark = "\u{feff}";

/** Parses the text of a configuration file; `config_parse` names file, line and column. */
export function parseDocument(text: string, file: string, layer: Layer, owner: string): Document {
  const name = escapeText(file);
  if (text.startsWith(byteOrderMark)) {
    throw new SandboxedError("config_parse", `${name}:1:1: the file starts with a byte order mark`, {
      hint: "save it as UTF-8 without BOM",
    });
  }
  let value: TomlObject;
  try {
    value = parse(text, { maxDepth, unsafeKeyBehaviour: "throw" });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new SandboxedError("config_parse", `${name}:${error.line}:${error.column}: ${problem(error, text)}`, {
      hint: "correct the TOML; nothing was started",
      cause: error,
    });
  }
  const position = (path: readonly (string | number)[]): Position | null => locate(text, path);
  const provenance: Document["provenance"] = (path) => lazyProvenance(file, layer, owner, () => position(path));
  return { file, name, layer, owner, value, position, provenance };
}

/** A document that was not read from a file: overrides. It has no lines. */
export function typedDocument(value: TomlObject, layer: Layer, owner: string, name: string): Document {
  const provenance: Provenance = { layer, file: null, line: null, column: null, owner };
  return { file: null, name, layer, owner, value, position: () => null, provenance: () => provenance };
}

/** `FILE:LINE:COLUMN: ` of a key as far as known, the start of every message about it. */
export function where(document: Document, path: readonly (string | number)[]): string {
  const position = document.position(path);
  return position === null ? `${document.name}: ` : `${document.name}:${position.line}:${position.column}: `;
}

/** A key path as it is written: `permissions.ci.filesystem."/data"`. */
export function showPath(path: readonly (string | number)[]): string {
  const shown = path.map((step) => (/^[A-Za-z0-9_-]+$/.test(String(step)) ? String(step) : JSON.stringify(step)));
  return escapeText(shown.join("."));
}

/** The properties are enumerable getters so that copies and JSON hold plain numbers. */
function lazyProvenance(file: string, layer: Layer, owner: string, find: () => Position | null): Provenance {
  let found: Position | null | undefined;
  const position = (): Position | null => (found === undefined ? (found = find()) : found);
  return {
    layer,
    file,
    owner,
    get line() {
      return position()?.line ?? null;
    },
    get column() {
      return position()?.column ?? null;
    },
  };
}

/** The parser's first line without its preamble; its picture of the code would show unescaped text. */
function problem(error: TomlError, text: string): string {
  const [first = "invalid TOML"] = error.message.split("\n");
  const words = first.replace(/^Invalid TOML document: /, "");
  if (words === "document contains an unsafe property") return "this key is not allowed";
  if (!words.startsWith("trying to redefine")) return words;
  const line = text.split("\n")[error.line - 1] ?? "";
  const key = readDottedKey(line.slice(error.column - 1));
  return key === null ? "defined twice" : `${escapeText(key.path.join("."))} is defined twice`;
}
