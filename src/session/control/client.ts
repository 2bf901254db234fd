import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SessionError } from "../error.ts";
import type { SessionErrorCode } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";
import { isObject } from "../protocol/request.ts";
import { controlNames, reachableSocket } from "./place.ts";
import { codeOf } from "../../policy/index.ts";

/** A connection to a live session, as its owner. */
export interface ControlClient {
  /** Errors: `SessionError`; `cancelled` when the session ended before it answered. */
  call(method: string, params?: JsonObject): Promise<Json>;
  close(): void;
}

/** Connects to the session in this folder. Null where none is open. Errors: `failed`. */
export async function connectControl(folder: string): Promise<ControlClient | null> {
  let key: string;
  try {
    key = readFileSync(join(folder, controlNames.key), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw new SessionError("failed", "the session's key cannot be read", { cause: error });
  }
  const place = reachableSocket(folder);
  const socket = connect(place.path);
  const waiting = new Map<number, { resolve: (value: Json) => void; reject: (error: Error) => void }>();
  let last = 0;
  let isLost = false;
  const lose = (): void => {
    isLost = true;
    place.release();
    for (const { reject } of waiting.values()) reject(new SessionError("cancelled", "the session has ended"));
    waiting.clear();
  };
  socket.on("error", () => {}); // told by its end
  socket.once("close", lose);
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY });
  lines.on("error", () => {}); // those of the socket once more
  lines.on("line", (line) => {
    const answer: Json = JSON.parse(line);
    if (!isObject(answer) || typeof answer["id"] !== "number") return;
    const { id, error } = answer;
    const caller = waiting.get(id);
    waiting.delete(id);
    if (isObject(error)) caller?.reject(errorOf(error));
    else caller?.resolve(answer["result"] ?? null);
  });
  const call = (method: string, params: JsonObject = {}): Promise<Json> =>
    new Promise((resolve, reject) => {
      if (isLost) return reject(new SessionError("cancelled", "the session has ended"));
      last += 1;
      waiting.set(last, { resolve, reject });
      socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: last, method, params })}\n`);
    });
  try {
    await call("session.hello", { token: key });
    return { call, close: () => void socket.destroy() };
  } catch (error) {
    socket.destroy();
    // A key without anybody behind it was left by a run that was killed.
    if (error instanceof SessionError && error.code === "cancelled") return null;
    throw error;
  }
}

function errorOf({ message, data }: JsonObject): SessionError {
  const detail = isObject(data) ? data : {};
  const { code, hint, rule, capability } = detail;
  const text = (value: Json | undefined): string | null => (typeof value === "string" ? value : null);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the other side is this very tool
  const known = (text(code) ?? "failed") as SessionErrorCode;
  return new SessionError(known, text(message) ?? known, {
    hint: text(hint),
    rule: text(rule),
    capability: text(capability),
    data: detail,
  });
}
