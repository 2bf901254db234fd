import { createHash } from "node:crypto";

/** Said by whoever speaks WebSocket (RFC 6455, section 1.3). */
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** The key that asks for a WebSocket; null unless there is exactly one. Headers are name and value in turn. */
export function keyOf(headers: readonly string[]): string | null {
  return only(headers, "sec-websocket-key");
}

/** Whether the answer to a key is that of a server that speaks WebSocket, and not of one that says 101 to anything. */
export function isAcceptance(key: string, answered: readonly string[]): boolean {
  const accept = createHash("sha1").update(`${key}${guid}`).digest("base64");
  return only(answered, "upgrade")?.toLowerCase() === "websocket" && only(answered, "sec-websocket-accept") === accept;
}

function only(headers: readonly string[], name: string): string | null {
  const values = headers.filter((_, index) => index % 2 === 1 && headers[index - 1]?.toLowerCase() === name);
  const [value = ""] = values;
  return values.length === 1 && value !== "" ? value : null;
}
