import type { IncomingMessage } from "node:http";
import { boundedBody } from "../../network/index.ts";
import type { Holder } from "../../network/index.ts";
import type { Json } from "../../session/index.ts";

/** Of one request: the input of a command, and its words. */
export const LONGEST_BODY = 8 * 1024 * 1024;

export type Body =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly status: 400 | 413 | 503; readonly message: string };

/** The JSON of a request, in one reading alone. Rejects when the request breaks off. */
export async function readBody(request: IncomingMessage, held: Holder, parse: (text: string) => Json): Promise<Body> {
  const bytes = await boundedBody(request, LONGEST_BODY, held);
  if (bytes === "too_long")
    return { ok: false, status: 413, message: `a request is longer than ${LONGEST_BODY} bytes` };
  if (bytes === "no_room") return { ok: false, status: 503, message: "too much of this client's is on already" };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { ok: true, value: parse(text) };
  } catch (error) {
    return { ok: false, status: 400, message: error instanceof Error ? error.message : "it cannot be read" };
  }
}
