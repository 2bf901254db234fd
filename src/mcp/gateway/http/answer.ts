import type { ServerResponse } from "node:http";
import { createParser } from "eventsource-parser";
import type { Holder } from "../../../network/index.ts";
import { LONGEST_LINE } from "../../stdio/lines.ts";
import { code, errorText, readServerMessage } from "../messages.ts";
import type { MessageId } from "../messages.ts";
import type { RelayRules } from "../relay-rules.ts";
import { FULL } from "./body.ts";
import { Refused } from "./refused.ts";
import { headersToClient } from "./upstream.ts";

/** What was asked, and what of the memory it uses. */
export interface Answered {
  readonly rules: RelayRules;
  readonly held: Holder;
  readonly id: MessageId | null;
}

/** What an error without JSON may say. */
const LONGEST_WORDS = 64 * 1024;

/**
 * Passes on what the server behind answered to the message with this id: JSON and events as they were read, lists of
 * tools without what may not be called, and no answer that leads a client elsewhere. Errors: `Refused`.
 */
export async function relayAnswer(answer: Response, response: ServerResponse, asked: Answered): Promise<void> {
  const { rules, held, id } = asked;
  const bad = (why: string): Refused => new Refused(502, code.internal, `the server behind ${why}`, { id });
  const { status } = answer;
  if (status >= 300 && status < 400) throw bad("sends its clients somewhere else, where this gateway is not");
  const encoding = answer.headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") throw bad("encodes what it was asked to send as it is");
  const headers = headersToClient(answer.headers);
  const type = answer.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "text/event-stream") {
    response.writeHead(status, { ...headers, "content-type": type }).flushHeaders();
    return relayEvents(answer, response, asked);
  }
  const isJson = type === "application/json";
  const bytes = await whole(answer, isJson ? LONGEST_LINE : LONGEST_WORDS, held, bad);
  if (bytes.length === 0) return void response.writeHead(status, headers).end();
  if (isJson) {
    const text = shownText(bytes.toString("utf8"), rules);
    if (text === null) throw bad("answered with what two readers could understand differently");
    const passed = Buffer.from(text);
    return void response.writeHead(status, { ...headers, "content-type": type }).end(passed);
  }
  if (status < 400) throw bad("answered with neither JSON nor events");
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8" }).end(bytes);
}

/** The text of a message as its client may have it; null where it means nothing, or several things. */
function shownText(text: string, rules: RelayRules): string | null {
  const message = readServerMessage(text);
  if (message === null) return null;
  const shown = rules.shown(message);
  return shown === message ? text : JSON.stringify(shown);
}

async function whole(answer: Response, longest: number, held: Holder, bad: (why: string) => Refused): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body ?? []) {
    size += chunk.length;
    if (size > longest) throw bad(`sent an answer longer than ${longest} bytes`);
    if (!held.take(chunk.length)) throw bad(`sent more than there is room for: ${FULL}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/**
 * Event by event, each written anew from what was read of it: there is then no line that a client could take for
 * something else. No faster than the client reads.
 */
async function relayEvents(answer: Response, response: ServerResponse, { rules, held, id }: Answered): Promise<void> {
  let out = "";
  const odd: string[] = [];
  const parser = createParser({
    maxBufferSize: LONGEST_LINE,
    onEvent({ id: at, event, data }) {
      held.release();
      const text = data.trim() === "" ? data : shownText(data, rules);
      if (text === null) odd.push("sent what two readers could understand differently");
      else if (odd.length === 0) out += eventText(at, event, text);
    },
    onRetry: (wait) => (out += `retry: ${wait}\n\n`),
    onComment: (words) => (out += `: ${words}\n\n`),
    onError: ({ type }) => {
      if (type === "max-buffer-size-exceeded") odd.push(`sent a message longer than ${LONGEST_LINE} bytes`);
    },
  });
  const decoder = new TextDecoder("utf-8");
  // What was asked has been sent; from here on it is the event that has not ended.
  held.release();
  for await (const chunk of answer.body ?? []) {
    if (!held.take(chunk.length)) odd.push(`sent more than there is room for: ${FULL}`);
    parser.feed(decoder.decode(chunk, { stream: true }));
    const [why] = odd;
    if (why !== undefined) {
      // Whoever waits for an answer gets one; to a stream that nobody's request opened more may come.
      if (id !== null) out += eventText(undefined, undefined, errorText(id, code.internal, `the server behind ${why}`));
      response.end(out);
      return; // which cancels what is still to come
    }
    if (response.destroyed) return;
    if (out !== "" && !response.write(out)) await drained(response);
    out = "";
  }
  response.end();
}

function eventText(id: string | undefined, event: string | undefined, data: string): string {
  const lines = data.split("\n").map((line) => `data: ${line}\n`);
  return `${id === undefined ? "" : `id: ${id}\n`}${event === undefined ? "" : `event: ${event}\n`}${lines.join("")}\n`;
}

/** Or gone: then nothing is written any more. */
function drained(response: ServerResponse): Promise<void> {
  if (response.closed) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off("drain", settle).off("close", settle);
      resolve();
    };
    response.once("drain", settle).once("close", settle);
  });
}
