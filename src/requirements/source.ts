import { parseDocument, showPath, where } from "../config/index.ts";
import type { Document } from "../config/index.ts";
import { SandboxedError } from "../policy/index.ts";
import type { ErrorCode, Provenance } from "../policy/index.ts";
import { keyNames, keys, synonyms } from "./keys.ts";
import type { Author, Key } from "./keys.ts";
import type { RawValue } from "./schema.ts";
import { checkShape } from "./shape.ts";

/** Lowest rank first. The last two are the user's: they can only narrow. */
export const sourceKinds = ["system", "bundle", "macos", "windows", "file", "variable"] as const;

export type SourceKind = (typeof sourceKinds)[number];

/** The text of one source as it was read, by whatever way. */
export interface SourceText {
  readonly kind: SourceKind;
  /** A path, an address or the name of a variable: what messages call it. */
  readonly name: string;
  readonly text: string;
}

export interface SourceSummary {
  readonly kind: SourceKind;
  readonly name: string;
  /** Whom to ask, in words for a person. */
  readonly owner: string;
  /** False where it can only narrow. */
  readonly isAdministrators: boolean;
}

/** One source, its shape checked. */
export interface Source extends SourceSummary {
  readonly document: Document;
  readonly get: <K extends Key>(key: K) => RawValue<K> | undefined;
  /** `rest`: the way from the key's value to a part of it. */
  readonly place: (key: Key, ...rest: readonly (string | number)[]) => Provenance;
}

type Table = Readonly<Record<string, unknown>>;

/** What a source says about support, before anything else of it is looked at; null for nothing. */
export function contactIn(source: SourceText): string | null {
  if (!isAdministrators(source.kind)) return null;
  const contact = parse(source, ownerOf(source.kind, null)).value["support_contact"];
  return typeof contact === "string" ? contact : null;
}

/** Errors: `requirements_parse`, `requirements_schema`. */
export async function readSource(source: SourceText, contact: string | null): Promise<Source> {
  const { kind, name } = source;
  const owner = ownerOf(kind, contact);
  const document = parse(source, owner);
  const { value, written } = withoutSynonyms(document);
  await checkShape(document, value, written);
  const profiles = profilesIn(value);
  const get = (key: Key): unknown => (key === "permissions.*" ? profiles : at(value, key.split(".")));
  for (const key of keyNames) if (get(key) !== undefined) checkAuthor(document, kind, key, written(key.split(".")));
  return {
    kind,
    name,
    owner,
    isAdministrators: isAdministrators(kind),
    document,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the shape has been checked against the schema the type is made from
    get: get as Source["get"],
    place: (key, ...rest) => document.provenance(written([...key.replace(/\.\*$/, "").split("."), ...rest])),
  };
}

export function isAdministrators(kind: SourceKind): boolean {
  return kind !== "file" && kind !== "variable";
}

/** Whom to ask to change it. */
export function ownerOf(kind: SourceKind, contact: string | null): string {
  if (!isAdministrators(kind)) return "you";
  return contact === null ? "the administrator" : `the administrator (${contact})`;
}

function parse({ name, text }: SourceText, owner: string): Document {
  return renaming(() => parseDocument(text, name, "requirements", owner));
}

const renamed: ReadonlyMap<ErrorCode, ErrorCode> = new Map<ErrorCode, ErrorCode>([
  ["config_parse", "requirements_parse"],
  ["config_schema", "requirements_schema"],
  ["config_permissions", "requirements_permissions"],
  ["policy_invalid", "requirements_schema"],
]);

/** Runs `act`; what configuration complains about has a code of its own in requirements. */
export function renaming<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const code = error instanceof SandboxedError ? renamed.get(error.code) : undefined;
    if (!(error instanceof SandboxedError) || code === undefined) throw error;
    throw new SandboxedError(code, error.message, { ...(error.hint !== null && { hint: error.hint }), cause: error });
  }
}

/** The tables under the names that the table of keys has, and the way back to what was written. */
function withoutSynonyms(document: Document): {
  readonly value: Table;
  readonly written: (path: readonly (string | number)[]) => readonly (string | number)[];
} {
  const value: Record<string, unknown> = Object.create(null);
  const spelled = new Map<string | number, string>();
  for (const [name, member] of Object.entries(document.value)) {
    const key = Object.hasOwn(synonyms, name) ? (synonyms[name] ?? name) : name;
    if (key !== name && Object.hasOwn(document.value, key)) {
      throw new SandboxedError(
        "requirements_schema",
        `${where(document, [name])}${showPath([name])} and ${showPath([key])} are the same table`,
        { hint: `keep ${showPath([key])}` },
      );
    }
    value[key] = plain(member);
    if (key !== name) spelled.set(key, name);
  }
  return { value, written: ([first = "", ...rest]) => [spelled.get(first) ?? first, ...rest] };
}

/** Date-times as the text they are in JSON, so that one schema serves both. */
function plain(value: unknown): unknown {
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const table: Record<string, unknown> = Object.create(null);
  for (const [key, member] of Object.entries(value)) table[key] = plain(member);
  return table;
}

/** Every table of `permissions` that is a profile; undefined when there is none. */
function profilesIn(value: Table): unknown {
  const tables = Object.entries(isTable(value["permissions"]) ? value["permissions"] : {});
  const profiles = tables.filter(([name]) => name !== "filesystem");
  return profiles.length === 0 ? undefined : Object.fromEntries(profiles);
}

function at(value: Table, path: readonly string[]): unknown {
  let found: unknown = value;
  for (const step of path) {
    if (!isTable(found) || !Object.hasOwn(found, step)) return undefined;
    found = found[step];
  }
  return found;
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const places: Readonly<Record<Author, string>> = {
  anyone: "any source",
  admin: "a source of the administrator's",
  "system file": "the system's own requirements file",
  "signed bundle": "a signed bundle",
};

function checkAuthor(document: Document, kind: SourceKind, key: Key, written: readonly (string | number)[]): void {
  const { by } = keys[key];
  const may =
    by === "anyone" ||
    (by === "admin" && isAdministrators(kind)) ||
    (by === "system file" && kind === "system") ||
    (by === "signed bundle" && kind === "bundle");
  if (may) return;
  throw new SandboxedError(
    "requirements_schema",
    `${where(document, written)}${showPath(written)} counts only in ${places[by]}`,
    { hint: isAdministrators(kind) ? "leave it out here" : "leave it out: what you give here can only narrow" },
  );
}
