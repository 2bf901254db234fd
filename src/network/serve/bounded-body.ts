import type { IncomingMessage } from "node:http";
import type { Holder } from "./room-for-others.ts";

/** The body of a request, or why it is not read to its end: it is longer than `most` bytes, or there is no room to hold it. */
export async function boundedBody(
  request: IncomingMessage,
  most: number,
  held: Holder,
): Promise<Buffer | "too_long" | "no_room"> {
  if (Number(request.headers["content-length"] ?? 0) > most) return "too_long";
  const chunks: Buffer[] = [];
  let size = 0;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- no encoding was set: the stream is of bytes
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) return "too_long";
    if (!held.take(chunk.length)) return "no_room";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
