import type { ServerResponse } from "node:http";
import { errorText } from "../messages.ts";
import type { MessageId } from "../messages.ts";

/** What does not pass, as its client is told: an HTTP status, and a JSON-RPC error for the message it was about. */
export class Refused extends Error {
  readonly status: number;
  readonly code: number;
  readonly id: MessageId | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: number,
    message: string,
    more: { readonly id?: MessageId | null; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.id = more.id ?? null;
    this.headers = more.headers ?? {};
  }
}

/** Answers, unless an answer is on its way already: that is cut short then. */
export function answerRefused(response: ServerResponse, { status, code, message, id, headers }: Refused): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response
    .writeHead(status, { ...headers, "content-type": "application/json", "cache-control": "no-store" })
    .end(errorText(id, code, message));
}
