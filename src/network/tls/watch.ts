import type { Socket } from "node:net";
import type { Passage } from "../decide/gate.ts";
import { isRequestLine, type Opening, type OpeningProblem } from "./opening.ts";
import { SecondHello } from "./second-hello.ts";

/** Told of all that a client says from its first byte on, each piece before it goes out; null while that may pass. */
export type Watch = (chunk: Buffer) => OpeningProblem | null;

/** Holds a client whose opening has passed to what it looked like. Null where there is nothing to hold it to. */
export function watchAfter(opening: Opening, { target, sni }: Passage, server: Socket): Watch | null {
  if (target.isAddress || sni === "any") return null;
  if (opening.kind === "other") return watchLine();
  if (opening.kind !== "tls") return null;
  const hello = new SecondHello(opening.serverName);
  const onAnswer = (chunk: Buffer): void => {
    if (hello.server(chunk)) server.off("data", onAnswer);
  };
  server.on("data", onAnswer);
  return hello.client;
}

/** Of a request's, Python's; those of other servers are shorter. */
const longestWatched = 64 * 1024;

/**
 * What was no request as far as it went may be one once its line has ended. No server answers before that, and so
 * nobody has to wait for it. What is longer than any request's line is none.
 */
export function watchLine(): Watch {
  let text: string | null = "";
  return (chunk) => {
    if (text === null) return null;
    const before: number = text.length;
    text += chunk.toString("latin1", 0, longestWatched);
    if (before === 0) text = text.replace(/^[\r\n]+/, "");
    const end = text.indexOf("\n", before);
    const line = end === -1 ? null : text.slice(0, end).replace(/\r$/, "");
    if (line !== null || text.length > longestWatched) text = null;
    if (line === null || !isRequestLine(line)) return null;
    return { reason: "bad_request", message: "The request is malformed." };
  };
}
