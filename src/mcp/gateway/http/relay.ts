import type { IncomingMessage, ServerResponse } from "node:http";
import { overridesIn } from "../../../network/index.ts";
import type { Holder } from "../../../network/index.ts";
import { escapeText, SandboxedError } from "../../../policy/index.ts";
import type { JsonTable } from "../../catalogue.ts";
import { learnTools } from "../learn-tools.ts";
import { code, isId, readClientMessage } from "../messages.ts";
import type { MessageId } from "../messages.ts";
import type { RelayRules } from "../relay-rules.ts";
import { relayAnswer } from "./answer.ts";
import { askForTools } from "./ask-for-tools.ts";
import { readBody, refuseBody } from "./body.ts";
import { headerReadings } from "./header-readings.ts";
import { Refused } from "./refused.ts";
import { headersToUpstream } from "./upstream.ts";
import type { Upstream } from "./upstream.ts";

/** What requests go to. */
export interface Behind {
  readonly upstream: Upstream;
  readonly rules: RelayRules;
  /** For an answer to begin, and one of JSON to be whole; milliseconds. */
  readonly timeout: number;
}

/** Who asks, as far as the server behind is told, what of the memory it uses, and what ends it. */
export interface Asking {
  readonly authorization: string | null;
  readonly held: Holder;
  /** Aborted when its client leaves, or with the error it is to be told. */
  readonly gone: AbortController;
}

/** Decides on one request that was admitted, and passes it on with its answer. Errors: `Refused`. */
export async function relay(
  request: IncomingMessage,
  response: ServerResponse,
  { authorization, held, gone }: Asking,
  { upstream, rules, timeout }: Behind,
): Promise<void> {
  const { method = "" } = request;
  if (method !== "POST" && method !== "GET" && method !== "DELETE") {
    const headers = { allow: "POST, GET, DELETE", connection: "close" };
    throw new Refused(405, code.invalidRequest, "POST, GET and DELETE are what the protocol has", { headers });
  }
  if (overridesIn(request.rawHeaders).length > 0) {
    throw new Refused(400, code.invalidRequest, "a header says that the request is another", {
      headers: { connection: "close" },
    });
  }
  // The server behind is left when its client leaves.
  response.once("close", () => gone.abort());
  const headers = headersToUpstream(request, authorization);
  if (method !== "POST") {
    refuseBody(request);
    const answer = await sent(upstream.send(method, headers, null, gone.signal), null);
    return relayAnswer(answer, response, { rules, held, id: null });
  }

  const { bytes, text } = await readBody(request, held);
  const message = messageIn(text, rules);
  const id = isId(message["id"]) ? message["id"] : null;
  const late = setTimeout(() => gone.abort(new Refused(504, code.internal, LATE, { id })), timeout);
  try {
    await decide(message, id, request, rules, (params) => askForTools(upstream, headers, params, gone.signal));
    const answer = await sent(upstream.send(method, headers, bytes, gone.signal), id);
    if (answer.headers.get("content-type")?.includes("text/event-stream") === true) clearTimeout(late);
    await relayAnswer(answer, response, { rules, held, id });
  } catch (error) {
    const why: unknown = gone.signal.reason;
    throw why instanceof Refused || why instanceof SandboxedError ? refusedFor(why, id) : error;
  } finally {
    clearTimeout(late);
  }
}

const LATE = "the server behind did not answer in time";

function messageIn(text: string, rules: RelayRules): JsonTable {
  const read = readClientMessage(text);
  if (read.ok) return read.message;
  rules.refused(read.reason);
  throw new Refused(400, read.code, read.reason, { id: read.id });
}

async function decide(
  message: JsonTable,
  id: MessageId | null,
  { headers }: IncomingMessage,
  rules: RelayRules,
  ask: (params: JsonTable) => Promise<unknown>,
): Promise<void> {
  const isCall = message["method"] === "tools/call";
  const firstLook = headerReadings(headers, message, null);
  if (firstLook.ok && isCall && rules.definition(message) === null) {
    await learnTools(rules, message, (params) => sent(ask(params), id));
  }
  const read = firstLook.ok ? headerReadings(headers, message, rules.definition(message)) : firstLook;
  if (!read.ok) {
    rules.refused(read.reason, isCall ? message["params"] : null);
    throw new Refused(400, code.headerMismatch, read.reason, { id });
  }
  const reason = isCall ? rules.refusal(message, read.readings) : null;
  // An answer to a request is an answer of HTTP as well; nobody waits for one to a notification.
  if (reason !== null) throw new Refused(id === null ? 400 : 200, code.invalidParams, reason, { id });
}

/** What went wrong on the way, as the client is told. */
async function sent<T>(sending: Promise<T>, id: MessageId | null): Promise<T> {
  try {
    return await sending;
  } catch (error) {
    throw refusedFor(error, id);
  }
}

/** Of what went wrong with the server behind: what is told to whoever sent the message with this id. */
export function refusedFor(error: unknown, id: MessageId | null): Refused {
  if (error instanceof Refused)
    return new Refused(error.status, error.code, error.message, { headers: error.headers, id });
  if (error instanceof SandboxedError) {
    return new Refused(502, code.internal, [error.message, error.hint].filter(Boolean).join("; "), { id });
  }
  const why = error instanceof Error ? error.message : String(error);
  return new Refused(502, code.internal, `the server behind could not be asked: ${escapeText(why)}`, { id });
}
