import { connect as connectSocket } from "node:net";
import type { Socket } from "node:net";
import { errorFrom, isObject, SessionError } from "./errors.ts";

/** Requests out, answers in: JSON-RPC 2.0, one object a line. */
export interface Wire {
  /** Errors: the `SessionError` of the answer; `disconnected` when none came. */
  call(method: string, params: object, onProgress?: OnProgress): Promise<unknown>;
  close(): void;
}

/** How far a tool has come. */
export interface Progress {
  readonly progress: number;
  readonly total?: number;
  readonly message?: string;
  /** So many reports before this one were left out: they came faster than this program read. */
  readonly omitted?: number;
}

export type OnProgress = (report: Progress) => void;

/** No answer is longer than this; a line that is comes from somebody else. */
const MOST_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: SessionError) => void;
  readonly onProgress: OnProgress | null;
}

/** Opens a connection and presents the token. Errors: `no_channel`, `unauthenticated`. */
export async function openWire(port: number, token: string, timeout: number): Promise<Wire> {
  const socket = connectSocket({ host: "127.0.0.1", port, noDelay: true });
  const wire = wireOver(socket);
  const timer = setTimeout(() => {
    socket.destroy(new Error("it does not answer"));
  }, timeout);
  try {
    await wire.call("session.hello", { client: "sandboxed-node", accepts: { images: false }, token });
    return wire;
  } catch (error) {
    socket.destroy();
    if (!(error instanceof SessionError) || error.code !== "disconnected") throw error;
    throw new SessionError("no_channel", `the session cannot be reached: ${error.message}`);
  } finally {
    clearTimeout(timer);
  }
}

function wireOver(socket: Socket): Wire {
  const waiting = new Map<number, Waiting>();
  let last = 0;
  let lost: SessionError | null = null;
  let parts: Buffer[] = [];
  let size = 0;

  const lose = (error: SessionError): void => {
    lost ??= error;
    for (const { reject } of waiting.values()) reject(lost);
    waiting.clear();
    socket.unref();
  };
  const take = (line: string): void => {
    if (line.trim() === "") return;
    const answer = parseAnswer(line);
    if (answer === null) {
      lose(new SessionError("protocol", "an answer is no JSON object"));
      socket.destroy();
      return;
    }
    if ("method" in answer) {
      const { params } = answer;
      // Others tell what this client does not follow.
      if (answer["method"] !== "session.progress" || !isObject(params) || !isProgress(params)) return;
      const { progressToken: _, ...report } = params;
      waiting.get(Number(params["progressToken"]))?.onProgress?.(report);
      return;
    }
    const error = isObject(answer["error"]) ? errorFrom(answer["error"]) : null;
    const { id } = answer;
    if (typeof id !== "number") {
      if (error !== null) lose(error); // the session could not even tell which call it was
      return;
    }
    const caller = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) socket.unref();
    if (error === null) caller?.resolve(answer["result"]);
    else caller?.reject(error);
  };
  socket.on("data", (chunk: Buffer) => {
    parts.push(chunk);
    size += chunk.length;
    const end = chunk.lastIndexOf(LINE_FEED);
    if (end < 0) {
      if (size > MOST_BYTES) socket.destroy(new Error("an answer has no end"));
      return;
    }
    const all = Buffer.concat(parts);
    const whole = all.length - (chunk.length - end);
    parts = [all.subarray(whole + 1)];
    size = all.length - whole - 1;
    for (const line of all.toString("utf8", 0, whole).split("\n")) take(line);
  });
  socket.on("error", (error) => lose(new SessionError("disconnected", error.message)));
  socket.on("close", () => lose(new SessionError("disconnected", "the session ended")));

  return {
    call(method, params, onProgress) {
      return new Promise((resolve, reject) => {
        if (lost !== null) return reject(lost);
        last += 1;
        // First, for it throws on what JSON cannot say.
        const asked = onProgress === undefined ? params : { ...params, _meta: { progressToken: last } };
        const line = `${JSON.stringify({ jsonrpc: "2.0", id: last, method, params: asked })}\n`;
        waiting.set(last, { resolve, reject, onProgress: onProgress ?? null });
        // An open connection alone does not keep a program alive; a call does.
        socket.ref();
        socket.write(line);
      });
    },
    close() {
      lose(new SessionError("disconnected", "this session was closed"));
      socket.destroy();
    },
  };
}

const LINE_FEED = 0x0a;

function isProgress(params: object): params is Progress & { readonly progressToken?: unknown } {
  return "progress" in params && typeof params.progress === "number";
}

function parseAnswer(line: string): Readonly<Record<string, unknown>> | null {
  try {
    const answer: unknown = JSON.parse(line);
    return isObject(answer) ? answer : null;
  } catch {
    return null;
  }
}
