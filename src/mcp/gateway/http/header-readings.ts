import type { IncomingHttpHeaders } from "node:http";
import { isTable } from "../../catalogue.ts";
import type { JsonTable, ToolDefinition } from "../../catalogue.ts";
import { decodedHeader, headerParameters, PREFIX } from "../../http/parameter-headers.ts";

/**
 * Headers that repeat parts of the body, see `HeaderParameter`. A server may heed either, so both have to say the same,
 * and what only a header says is one more reading of the arguments.
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
  for (const { header, path, type } of headerParameters(definition.inputSchema)) {
    const written = textOf(headers[`${PREFIX}${header}`.toLowerCase()]);
    if (written === null) continue;
    const value = valueOf(written, type);
    const inBody = path.reduce<unknown>((node, name) => (isTable(node) ? node[name] : undefined), given);
    if (value === undefined) return differs(`${PREFIX}${header}`);
    if (inBody == null) readings.push(path.reduceRight<unknown>((below, name) => ({ [name]: below }), value));
    else if (value !== inBody) return differs(`${PREFIX}${header}`);
  }
  return { ok: true, readings };
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

function textOf(header: string | readonly string[] | undefined): string | null {
  return typeof header === "string" ? header : null;
}

function differs(header: string): HeaderReadings {
  return { ok: false, reason: `the header ${header} says something else than the body` };
}
