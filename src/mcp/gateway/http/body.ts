import type { IncomingMessage } from "node:http";
import { boundedBody } from "../../../network/index.ts";
import type { Holder } from "../../../network/index.ts";
import { LONGEST_LINE } from "../../stdio/lines.ts";
import { code } from "../messages.ts";
import { Refused } from "./refused.ts";

export const FULL = "too much is on its way already";

/** The text of a POST, and the bytes that say exactly this text and nothing else. Errors: `Refused`. */
export async function readBody(
  request: IncomingMessage,
  held: Holder,
): Promise<{ readonly bytes: Buffer; readonly text: string }> {
  const { headers } = request;
  const type = /^application\/json[ \t]*(?:;[ \t]*charset="?utf-8"?[ \t]*)?$/i;
  if (!type.test(headers["content-type"] ?? "")) throw unread(415, "a message is application/json in UTF-8");
  if (!/^(?:identity)?$/i.test(headers["content-encoding"] ?? "")) throw unread(415, "a message is not encoded");
  const bytes = await boundedBody(request, LONGEST_LINE, held);
  if (bytes === "too_long") throw unread(413, `a message is longer than ${LONGEST_LINE} bytes`);
  if (bytes === "no_room") throw unread(503, FULL);
  return { bytes, text: decoded(bytes) };
}

/** Errors: `Refused` where anything follows the head. */
export function refuseBody({ headers }: IncomingMessage): void {
  if (headers["transfer-encoding"] === undefined && Number(headers["content-length"] ?? 0) === 0) return;
  throw unread(400, "only POST has a body");
}

function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Refused(400, code.parse, "it is not UTF-8");
  }
}

/** What is still to come is not read. */
function unread(status: number, message: string): Refused {
  return new Refused(status, code.invalidRequest, message, { headers: { connection: "close" } });
}
