import { isTable } from "../catalogue.ts";
import type { JsonTable } from "../catalogue.ts";
import { JsonTextError, parseJsonText } from "../../session/index.ts";
import { folded } from "../rules/folded.ts";

export type MessageId = string | number;

/** JSON-RPC's own codes, and the one of MCP for headers that say something else than the body. */
export const code = {
  parse: -32_700,
  invalidRequest: -32_600,
  invalidParams: -32_602,
  internal: -32_603,
  headerMismatch: -32_020,
} as const;

/** Ids of the gateway's own requests; a client's that begin so are refused. */
export const OWN = "sandboxed-gateway-";

/** What a client sent, as every reader understands it, or why it does not pass. */
export type ClientMessage =
  | { readonly ok: true; readonly message: JsonTable }
  | { readonly ok: false; readonly id: MessageId | null; readonly code: number; readonly reason: string };

export function readClientMessage(text: string): ClientMessage {
  const refuse = (id: unknown, why: number, reason: string): ClientMessage => ({
    ok: false,
    id: isId(id) ? id : null,
    code: why,
    reason,
  });
  let message: unknown;
  try {
    message = parseJsonText(text);
  } catch (error) {
    return refuse(null, code.parse, error instanceof JsonTextError ? error.message : "it is not JSON");
  }
  // A batch would hide calls; no revision that is spoken has them any more.
  if (!isTable(message)) return refuse(null, code.invalidRequest, "a message is one object, not a batch");
  const { id, method, params } = message;
  const odd =
    oddName(message, envelope) ??
    (method === "tools/call" && isTable(params) ? oddName(params, ["name", "arguments", "_meta"]) : null);
  if (odd !== null) return refuse(id, code.invalidRequest, `the name ${odd} could be taken for another`);
  if (typeof id === "string" && id.startsWith(OWN)) return refuse(id, code.invalidRequest, "this id is taken");
  return { ok: true, message };
}

/** What a server sent; null where a client could read it otherwise than the gateway: it passes to neither. */
export function readServerMessage(text: string): JsonTable | null {
  let message: unknown;
  try {
    message = parseJsonText(text);
  } catch {
    return null;
  }
  if (!isTable(message) || oddName(message, envelope) !== null) return null;
  const { result } = message;
  return isTable(result) && oddName(result, ["tools"]) !== null ? null : message;
}

export function isId(id: unknown): id is MessageId {
  return typeof id === "string" || typeof id === "number";
}

export function errorText(id: unknown, why: number, message: string): string {
  return JSON.stringify({ jsonrpc: "2.0", id: id ?? null, error: { code: why, message } });
}

const envelope = ["jsonrpc", "id", "method", "params", "result", "error"];

/**
 * A member that readers who do not tell `Method` from `method` take for one of `names`. Go's `encoding/json` is such a
 * reader (https://pkg.go.dev/encoding/json#Unmarshal), and many servers are written in Go.
 */
function oddName(table: JsonTable, names: readonly string[]): string | null {
  const odd = Object.keys(table).find((name) => !names.includes(name) && names.includes(folded(name)));
  return odd === undefined ? null : JSON.stringify(odd);
}
