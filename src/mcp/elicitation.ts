import type { ElicitRequestParams, ElicitRequestURLParams, ElicitResult } from "@modelcontextprotocol/client";
import { SessionError } from "../session/index.ts";
import type { Json, JsonObject, ToolContext } from "../session/index.ts";
import { isTable } from "./catalogue.ts";

/**
 * Puts a server's question to whoever can answer. `accept` with the content asked for, `decline` or `cancel`; when the
 * signal is aborted the question is taken away. The server's text comes from outside: it is escaped where it is shown.
 */
export type Elicit = (server: string, params: ElicitRequestParams, signal: AbortSignal) => Promise<ElicitResult>;

/** Questions of one server that wait at the same time: nobody answers more. */
const MOST_OPEN = 8;

/** Characters of a question: nobody reads more. */
const MOST_ASKED = 20_000;

const cancelled: ElicitResult = { action: "cancel" };

interface Working {
  readonly context: ToolContext;
  readonly over: AbortController;
}

/** Servers' questions, put to whoever answers for the session whose call they work on. */
export class SessionQuestions {
  readonly #working = new Map<string, Set<Working>>();
  readonly #open = new Map<string, number>();

  /** While `act` goes on, what the server asks is asked for this call. */
  async during<T>(server: string, context: ToolContext, act: () => Promise<T>): Promise<T> {
    const working = this.#working.get(server) ?? new Set();
    const own = { context, over: new AbortController() };
    this.#working.set(server, working.add(own));
    try {
      return await act();
    } finally {
      working.delete(own);
      own.over.abort(new SessionError("cancelled", "the call that it was asked for is over"));
    }
  }

  readonly elicit: Elicit = async (server, params, signal) => {
    const working = [...(this.#working.get(server) ?? [])];
    const last = working.at(-1);
    // A server does not say which call it asks for. Nobody is asked in the name of somebody else.
    if (last === undefined || working.some(({ context }) => context.holder !== last.context.holder)) return cancelled;
    if (JSON.stringify(params).length > MOST_ASKED) return cancelled;
    const question = questionOf(server, params);
    if (question === null) return cancelled;
    const { context, over } = last;
    const open = this.#open.get(server) ?? 0;
    if (open >= MOST_OPEN) return cancelled;
    this.#open.set(server, open + 1);
    try {
      const withdraw = AbortSignal.any([signal, over.signal]);
      const { approve, content } = await context.ask({ kind: "checkpoint", ...question }, withdraw);
      if (!approve) return { action: "decline" };
      if (question.schema === null) return { action: "accept" };
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it follows the schema that the server sent
      return { action: "accept", content: content as AcceptedContent };
    } catch {
      return cancelled;
    } finally {
      this.#open.set(server, (this.#open.get(server) ?? 1) - 1);
    }
  };
}

type AcceptedContent = NonNullable<ElicitResult["content"]>;

/** Null for what nobody should be asked. */
function questionOf(server: string, params: ElicitRequestParams) {
  const text = `MCP server ${server} asks: ${params.message}`;
  if ("url" in params) {
    const url = pageAt(params.url);
    // The host as a resolver reads it: letters that look like others are spelled out.
    return url === null ? null : { text, data: { "address to open": url.href, host: url.host }, schema: null };
  }
  const { requestedSchema } = params;
  return { text, schema: isTable(requestedSchema) ? askable(requestedSchema) : null };
}

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
