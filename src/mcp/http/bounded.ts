import { SandboxedError } from "../../policy/index.ts";
import { JsonTextError, parseJsonText } from "../../session/index.ts";
import { withoutSecrets } from "../secrets.ts";
import { LONGEST_LINE } from "../stdio/lines.ts";
import type { DoorFetch } from "./door-fetch.ts";
import { EventCutter } from "./events.ts";

/** So much of an answer that is no JSON, as a page that tells of an error. */
const LONGEST_OTHER = 256 * 1024;
/** More events that are no messages than this, and it is not a server. */
const MOST_ODD_EVENTS = 100;

/**
 * A `fetch` whose answers have bounds: of JSON and of each event on their length and depth, and no member twice. Errors:
 * `mcp_server`; `onBroken` gets those that come up in a stream, which ends there.
 */
export function boundedFetch(fetch: DoorFetch, onBroken: (error: SandboxedError) => void): DoorFetch {
  return async (url, init) => {
    const response = await fetch(url, init);
    if (response.body === null) return response;
    const type = response.headers.get("content-type") ?? "";
    const { status, headers } = response;
    if (/^text\/event-stream\b/i.test(type))
      return new Response(response.body.pipeThrough(events(onBroken)), { status, headers });
    const isJson = /^application\/(?:[\w.-]+\+)?json\b/i.test(type);
    const came = await textOf(response.body, isJson ? LONGEST_LINE : LONGEST_OTHER);
    // It becomes the text of an error, and may say again what it was sent.
    const text = response.ok ? came : withoutSecrets(came, secretsIn(init?.headers));
    if (isJson && text !== "") checkJson(text);
    return new Response(text, { status, headers });
  };
}

/** The token of a login or of the entry, with its scheme and without. */
function secretsIn(headers: RequestInit["headers"]): readonly string[] {
  const authorization = new Headers(headers).get("authorization") ?? "";
  return [authorization, authorization.slice(authorization.indexOf(" ") + 1)];
}

async function textOf(body: ReadableStream<Uint8Array>, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop ends the connection.
  for await (const part of body) {
    size += part.length;
    if (size > most) throw tooLong(most);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function events(onBroken: (error: SandboxedError) => void): TransformStream<Uint8Array, Uint8Array> {
  const cutter = new EventCutter();
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let odd = 0;
  const broken = (error: SandboxedError): SandboxedError => {
    onBroken(error);
    return error;
  };
  const isMessage = (lines: readonly string[]): boolean => {
    const data = dataOf(lines);
    if (data === "") return true;
    try {
      parseJsonText(data);
      return true;
    } catch (error) {
      if (!(error instanceof JsonTextError)) throw error;
      odd += 1;
      if (odd >= MOST_ODD_EVENTS) throw broken(bad(`${MOST_ODD_EVENTS} events of the server's were no messages`));
      return false;
    }
  };
  return new TransformStream({
    transform(chunk, controller) {
      for (const lines of cutter.cut(decoder.decode(chunk, { stream: true }))) {
        if (isMessage(lines)) controller.enqueue(encoder.encode(`${lines.join("\n")}\n\n`));
      }
      if (cutter.pending > LONGEST_LINE) throw broken(tooLong(LONGEST_LINE));
    },
  });
}

/** As the standard has them joined. */
function dataOf(lines: readonly string[]): string {
  return lines
    .flatMap((line) => (line.startsWith("data:") ? [line.slice(line.startsWith("data: ") ? 6 : 5)] : []))
    .join("\n")
    .trim();
}

function checkJson(text: string): void {
  try {
    parseJsonText(text);
  } catch (error) {
    throw bad(error instanceof JsonTextError ? error.message : "its answer is not JSON", error);
  }
}

function tooLong(most: number): SandboxedError {
  return bad(`a message is longer than ${most} bytes`);
}

function bad(message: string, cause?: unknown): SandboxedError {
  return new SandboxedError("mcp_server", message, { cause });
}
