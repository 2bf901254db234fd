import { isTable } from "../catalogue.ts";
import type { ToolDefinition } from "../catalogue.ts";
import { escapeText } from "../../policy/index.ts";

/**
 * From revision 2026-07-28 on, a tool may name arguments that are repeated in headers, for whoever routes by them
 * (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports).
 */
export interface HeaderParameter {
  /** What follows `Mcp-Param-`. */
  readonly header: string;
  /** Where in the arguments. */
  readonly path: readonly string[];
  readonly type: unknown;
}

export const PREFIX = "Mcp-Param-";

const KEY = "x-mcp-header";

/** Of a tool's `inputSchema`, in its own order. */
export function headerParameters(schema: unknown, path: readonly string[] = []): readonly HeaderParameter[] {
  return propertiesOf(schema).flatMap(([name, property]) => {
    const here = [...path, name];
    const header = isTable(property) ? property[KEY] : undefined;
    const own = typeof header === "string" && isTable(property) ? [{ header, path: here, type: property["type"] }] : [];
    return [...own, ...headerParameters(property, here)];
  });
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const types: readonly unknown[] = ["string", "integer", "boolean"];

/** Those that can be called in that revision over HTTP; `tell` hears of each other one. */
export function fitForHeaders(
  tools: readonly ToolDefinition[],
  tell: (why: string) => void,
): readonly ToolDefinition[] {
  return tools.filter((tool) => {
    const fault = headerFault(tool);
    if (fault !== null) tell(escapeText(`${tool.name} is left out: ${fault}`));
    return fault === null;
  });
}

/** Why clients have to leave a tool out, by what it wants in headers; null when nothing is wrong with it. */
export function headerFault({ inputSchema }: ToolDefinition): string | null {
  const named = headerParameters(inputSchema);
  if (occurrences(inputSchema) !== named.length) return `${KEY} stands where it may not, or is no text`;
  const odd = named.find(({ header }) => !token.test(header));
  if (odd !== undefined) return `${JSON.stringify(odd.header)} is no name of a header`;
  const unfit = named.find(({ type }) => !types.includes(type));
  if (unfit !== undefined) return `${unfit.path.join(".")} is no text, integer or boolean`;
  const names = named.map(({ header }) => header.toLowerCase());
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? null : `${PREFIX}${twice} is named twice`;
}

/** What a call sends besides its body. What is absent, null or no plain value has no header. */
export function parameterHeaders({ inputSchema }: ToolDefinition, given: unknown): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (const { header, path } of headerParameters(inputSchema)) {
    const value = path.reduce<unknown>((node, name) => (isTable(node) ? node[name] : undefined), given);
    const isPlain = typeof value === "string" || typeof value === "boolean" || Number.isSafeInteger(value);
    if (isPlain) headers[`${PREFIX}${header}`] = encodedHeader(String(value));
  }
  return headers;
}

/** What is no plain text comes as `=?base64?…?=`. */
function encodedHeader(value: string): string {
  const isPlain = /^[!-~](?:[\t -~]*[!-~])?$/.test(value) && !/^=\?base64\?.*\?=$/.test(value);
  return isPlain ? value : `=?base64?${Buffer.from(value, "utf8").toString("base64")}?=`;
}

/** Undefined for a value that is not what it says. */
export function decodedHeader(value: string): string | undefined {
  const [, encoded] = /^=\?base64\?(.*)\?=$/s.exec(value) ?? [];
  if (encoded === undefined) return value;
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.toString("base64") !== encoded) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function propertiesOf(schema: unknown): readonly (readonly [string, unknown])[] {
  const properties = isTable(schema) ? schema["properties"] : undefined;
  return isTable(properties) ? Object.entries(properties) : [];
}

/** How often the key stands in a schema, as a key of a schema or of something else: no argument is called so. */
function occurrences(node: unknown): number {
  if (typeof node !== "object" || node === null) return 0;
  const own = Object.hasOwn(node, KEY) ? 1 : 0;
  return Object.values(node).reduce<number>((sum, each) => sum + occurrences(each), own);
}
