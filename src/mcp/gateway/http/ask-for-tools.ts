import { createParser } from "eventsource-parser";
import type { JsonTable } from "../../catalogue.ts";
import { LONGEST_LINE } from "../../stdio/lines.ts";
import { code, OWN, readServerMessage } from "../messages.ts";
import { Refused } from "./refused.ts";
import type { Upstream } from "./upstream.ts";

let asked = 0;

/**
 * One page of the tools that the server behind offers to the client with these headers, as a result; null where it gives
 * none. Errors: `Refused` with the server's own status, where that is what its client has to be told.
 */
export async function askForTools(
  upstream: Upstream,
  clients: Headers,
  params: JsonTable,
  signal: AbortSignal,
): Promise<unknown> {
  const id = `${OWN}${(asked += 1)}`;
  const headers = new Headers(clients);
  for (const name of clients.keys()) if (/^mcp-(?:name$|param-)/.test(name)) headers.delete(name);
  if (headers.has("mcp-method")) headers.set("mcp-method", "tools/list");
  const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params }));
  const answer = await upstream.send("POST", headers, body, signal);
  if (!answer.ok) {
    await answer.body?.cancel();
    const challenge = answer.headers.get("www-authenticate");
    throw new Refused(answer.status >= 400 ? answer.status : 502, code.internal, "the server behind lists no tools", {
      headers: challenge === null ? {} : { "www-authenticate": challenge },
    });
  }
  for await (const text of messagesOf(answer)) {
    const message = readServerMessage(text);
    if (message?.["id"] === id) return message["result"] ?? null;
  }
  return null;
}

/** The texts of an answer's messages, whether they come as events or as JSON; at most as much as one may hold. */
async function* messagesOf(answer: Response): AsyncGenerator<string> {
  const isEvents = answer.headers.get("content-type")?.startsWith("text/event-stream") === true;
  const texts: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => texts.push(data) });
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > LONGEST_LINE) return;
    const text = decoder.decode(chunk, { stream: true });
    if (isEvents) parser.feed(text);
    else rest += text;
    yield* texts.splice(0);
  }
  if (!isEvents) yield rest;
}
