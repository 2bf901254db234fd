import type { ElicitRequestParams, ElicitRequestURLParams, ElicitResult } from "@modelcontextprotocol/client";
import type { Json, JsonObject, Reply, ToolQuestion } from "../session/index.ts";
import { isTable } from "./catalogue.ts";

/**
 * Puts a server's question to whoever can answer. `accept` with the content asked for, `decline` or `cancel`; when the
 * signal is aborted the question is taken away. The server's text comes from outside: it is escaped where it is shown.
 */
export type Elicit = (server: string, params: ElicitRequestParams, signal: AbortSignal) => Promise<ElicitResult>;

/** Null for what nobody should be asked. */
export function elicitationQuestion(server: string, params: ElicitRequestParams): ToolQuestion | null {
  const kind = "checkpoint";
  const text = `MCP server ${server} asks: ${params.message}`;
  if ("url" in params) {
    const url = pageAt(params.url);
    // The host as a resolver reads it: letters that look like others are spelled out.
    return url === null ? null : { kind, text, data: { "address to open": url.href, host: url.host }, schema: null };
  }
  const { requestedSchema } = params;
  return { kind, text, schema: isTable(requestedSchema) ? askable(requestedSchema) : null };
}

/** `cancel` where nobody answered: the reply is null. */
export function elicitationAnswer({ schema }: ToolQuestion, reply: Reply | null): ElicitResult {
  if (reply === null) return { action: "cancel" };
  if (!reply.approve) return { action: "decline" };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it follows the schema that the server sent
  return schema === null ? { action: "accept" } : { action: "accept", content: reply.content as AcceptedContent };
}

type AcceptedContent = NonNullable<ElicitResult["content"]>;

/** Of a page of the web. A file, a script or another program's address is nothing that a server has people open. */
function pageAt(address: string): URL | null {
  if (!URL.canParse(address)) return null;
  const url = new URL(address);
  const isPage = url.protocol === "https:" || url.protocol === "http:";
  return isPage && url.username === "" && url.password === "" ? url : null;
}

const ADDRESSES_FIRST = -32_042;
const MOST_ADDRESSES = 5;

/** What a server wants people to open before it does what it was asked; empty for any other error. */
export function addressesIn(error: unknown): readonly ElicitRequestURLParams[] {
  if (!(error instanceof Error) || !("code" in error) || error.code !== ADDRESSES_FIRST || !("data" in error))
    return [];
  const listed = isTable(error.data) ? error.data["elicitations"] : null;
  const all = Array.isArray(listed) ? listed.filter(isAddress) : [];
  return all.length > MOST_ADDRESSES ? [] : all;
}

function isAddress(value: unknown): value is ElicitRequestURLParams {
  if (!isTable(value) || value["mode"] !== "url") return false;
  return ["message", "elicitationId", "url"].every((name) => typeof value[name] === "string");
}

/** The form without what nobody is asked by: formats, patterns and titles of choices, which the server looks at itself. */
function askable(schema: Readonly<Record<string, unknown>>): JsonObject {
  const { properties, required } = schema;
  const fields = Object.entries(isTable(properties) ? properties : {}).map(([name, field]) => [
    name,
    askableField(field),
  ]);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what came out of a JSON parser is JSON
  const names = (Array.isArray(required) ? required : []) as readonly Json[];
  return { type: "object", properties: Object.fromEntries(fields), required: names };
}

const KEPT: ReadonlySet<string> = new Set(
  "type title description default enum const minimum maximum minLength maxLength minItems maxItems".split(" "),
);

function askableField(field: unknown): JsonObject {
  if (!isTable(field)) return {};
  const { oneOf, anyOf, items } = field;
  const choices = [oneOf, anyOf]
    .find(Array.isArray)
    ?.map((choice: unknown) => (isTable(choice) ? choice["const"] : null));
  const kept = Object.entries(field).filter(([name]) => KEPT.has(name));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
  return {
    ...Object.fromEntries(kept),
    ...(choices !== undefined && { enum: choices }),
    ...(items !== undefined && { items: askableField(items) }),
  } as JsonObject;
}
