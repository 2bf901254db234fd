import { parse, TomlError } from "smol-toml";
import { escapeText, SandboxedError } from "../policy/index.ts";
import { typedDocument } from "./document.ts";
import type { Document, TomlObject } from "./document.ts";
import { readDottedKey } from "./positions.ts";

/** A value that needs no quotes on the command line: `ci`, `2GiB`, `/data`, `:workspace`. */
const bareWord = /^[A-Za-z:~/][\w:~/.*-]*$|^\d+[A-Za-z]\w*$/;

type Table = { [key: string]: unknown };

/** `-c key=value`, in the order given: dotted TOML keys, TOML values or single words. Null when there are none. */
export function readOverrides(overrides: readonly string[]): Document | null {
  if (overrides.length === 0) return null;
  const root: Table = Object.create(null);
  for (const override of overrides) {
    const { path, value } = readOverride(override);
    put(root, path, value, override);
  }
  return typedDocument(root, "override", "you", "-c");
}

function readOverride(override: string): { readonly path: readonly string[]; readonly value: unknown } {
  const key = readDottedKey(override);
  if (key === null || !key.rest.startsWith("=")) {
    throw usage(override, "is not KEY=VALUE", 'write for example -c permissions.ci.network.mode="off"');
  }
  const written = override.slice(0, override.length - key.rest.length);
  const value = key.rest.slice(1).trim();
  // A key is one when the parser, too, takes it for one; so is a value, and it defines nothing besides.
  const parsedKey = parseToml(`${written} = 0`, override);
  if (/[\r\n]/.test(written) || JSON.stringify(pathOf(parsedKey)) !== JSON.stringify(key.path)) {
    throw usage(override, "has a key that is no TOML key", "quote what is not letters, digits, - and _");
  }
  const bare = bareWord.test(value) && value !== "true" && value !== "false" && value !== "nan" && value !== "inf";
  if (bare) return { path: key.path, value };
  const parsed = parseToml(`value = ${value}`, override);
  if (Object.keys(parsed).length !== 1) throw usage(override, "sets more than one key", "give each its own -c");
  return { path: key.path, value: parsed["value"] };
}

function parseToml(text: string, override: string): TomlObject {
  try {
    return parse(text, { maxDepth: 64, unsafeKeyBehaviour: "throw" });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw usage(override, "is not valid TOML", `quote text: -c 'key="some text"'`, error);
  }
}

function pathOf(document: TomlObject): readonly string[] {
  const path: string[] = [];
  for (let table: unknown = document; typeof table === "object" && table !== null;) {
    const [entry] = Object.entries(table);
    if (entry === undefined) return path;
    path.push(entry[0]);
    table = entry[1];
  }
  return path;
}

/** Later values replace earlier ones; tables are joined. */
function put(root: Table, path: readonly string[], value: unknown, override: string): void {
  let table = root;
  for (const step of path.slice(0, -1)) {
    const next = table[step] ?? Object.create(null);
    if (!isTable(next))
      throw usage(override, `goes into ${escapeText(step)}, which an earlier -c made a value`, "drop one of them");
    table = table[step] = next;
  }
  const last = path.at(-1) ?? "";
  const known = table[last];
  if (!isTable(known) || !isTable(value)) {
    table[last] = value;
    return;
  }
  for (const [key, member] of Object.entries(value)) put(known, [key], member, override);
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null;
}

function usage(override: string, problem: string, hint: string, cause?: unknown): SandboxedError {
  return new SandboxedError("usage", `-c ${escapeText(override)}: ${problem}`, { hint, cause });
}
