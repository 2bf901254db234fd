import type { IncomingMessage } from "node:http";
import type { Holder } from "../../network/index.ts";
import type { Json } from "../../session/index.ts";

/** Of one request: the input of a command, and its words. */
export const LONGEST_BODY = 8 * 1024 * 1024;

export type Body =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly status: 400 | 413 | 503; readonly message: string };

/** The JSON of a request, in one reading alone. Rejects when the request breaks off. */
export async function readBody(request: IncomingMessage, held: Holder, parse: (text: string) => Json): Promise<Body> {
  const tooLong = { ok: false, status: 413, message: `a request is longer than ${LONGEST_BODY} bytes` } as const;
  if (Number(request.headers["content-length"] ?? 0) > LONGEST_BODY) return tooLong;
  const full = { ok: false, status: 503, message: "too much of this client's is on already" } as const;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LONGEST_BODY) return tooLong;
    if (!held.take(chunk.length)) return full;
    chunks.push(chunk);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
    return { ok: true, value: parse(text) };
  } catch (error) {
    return { ok: false, status: 400, message: error instanceof Error ? error.message : "it cannot be read" };
  }
}
