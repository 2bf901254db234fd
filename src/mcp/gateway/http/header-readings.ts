import type { IncomingHttpHeaders } from "node:http";
import { isTable } from "../../catalogue.ts";
import type { JsonTable, ToolDefinition } from "../../catalogue.ts";

/**
 * From revision 2026-07-28 on, headers repeat parts of the body, for whoever routes by them
 * (https://modelcontextprotocol.io/specification/2026-07-28/basic/transports). A server may heed either, so both have to
 * say the same, and what only a header says is one more reading of the arguments.
 */
export type HeaderReadings =
  | { readonly ok: true; readonly readings: readonly unknown[] }
  | { readonly ok: false; readonly reason: string };

const nameFields = new Map([
  ["tools/call", "name"],
  ["prompts/get", "name"],
  ["resources/read", "uri"],
  ["tasks/get", "taskId"],
  ["tasks/update", "taskId"],
  ["tasks/cancel", "taskId"],
]);

/** `definition` is that of the tool that a call names. */
export function headerReadings(
  headers: IncomingHttpHeaders,
  { method, params }: JsonTable,
  definition: ToolDefinition | null,
): HeaderReadings {
  const asked = textOf(headers["mcp-method"]);
  if (asked !== null && asked !== method) return differs("Mcp-Method");
  const named = textOf(headers["mcp-name"]);
  const field = typeof method === "string" ? nameFields.get(method) : undefined;
  if (named !== null && field !== undefined) {
    const value = isTable(params) ? params[field] : undefined;
    if (decodedHeader(named) !== value) return differs("Mcp-Name");
  }
  if (method !== "tools/call" || definition === null) return { ok: true, readings: [] };
  const given = isTable(params) ? params["arguments"] : undefined;
  const readings: unknown[] = [];
  for (const { header, path, type } of declarations(definition.inputSchema)) {
    const written = textOf(headers[`mcp-param-${header.toLowerCase()}`]);
    if (written === null) continue;
    const value = valueOf(written, type);
    const inBody = path.reduce<unknown>((node, name) => (isTable(node) ? node[name] : undefined), given);
    if (value === undefined) return differs(`Mcp-Param-${header}`);
    if (inBody == null) readings.push(path.reduceRight<unknown>((below, name) => ({ [name]: below }), value));
    else if (value !== inBody) return differs(`Mcp-Param-${header}`);
  }
  return { ok: true, readings };
}

interface Declaration {
  readonly header: string;
  readonly path: readonly string[];
  readonly type: unknown;
}

function declarations(schema: unknown, path: readonly string[] = []): readonly Declaration[] {
  const properties = isTable(schema) ? schema["properties"] : undefined;
  if (!isTable(properties)) return [];
  return Object.entries(properties).flatMap(([name, property]) => {
    const here = [...path, name];
    const header = isTable(property) ? property["x-mcp-header"] : undefined;
    const own = typeof header === "string" && isTable(property) ? [{ header, path: here, type: property["type"] }] : [];
    return [...own, ...declarations(property, here)];
  });
}

/** What a header says in the type that the tool declares; undefined where it says nothing of the kind. */
function valueOf(written: string, type: unknown): unknown {
  const text = decodedHeader(written);
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : undefined;
  if (type === "integer" || type === "number") {
    return text !== undefined && /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : undefined;
  }
  return text;
}

/** Values that are no plain text come as `=?base64?…?=`. Undefined for one that is not what it says. */
function decodedHeader(value: string): string | undefined {
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

function textOf(header: string | readonly string[] | undefined): string | null {
  return typeof header === "string" ? header : null;
}

function differs(header: string): HeaderReadings {
  return { ok: false, reason: `the header ${header} says something else than the body` };
}
