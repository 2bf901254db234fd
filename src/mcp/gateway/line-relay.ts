import type { Readable, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { SandboxedError } from "../../policy/index.ts";
import type { JsonTable } from "../catalogue.ts";
import { readLines, writeLine } from "../stdio/lines.ts";
import type { ServerProcess } from "../stdio/server-process.ts";
import { learnTools } from "./learn-tools.ts";
import { code, errorText, isId, OWN, readClientMessage, readServerMessage } from "./messages.ts";
import type { MessageId } from "./messages.ts";
import type { RelayRules } from "./relay-rules.ts";

const LATE = "the server does not say in time which tools it has";

/** What a client has said before it went is still passed on, for so long. */
const END_MS = 1000;

/** Of so many requests it is remembered that they wait for an answer. */
const MOST_OPEN = 1024;

/** Milliseconds. */
export interface Waits {
  /** For the list of tools that a call needs first. */
  readonly list: number;
  /** For the program to read what was sent. */
  readonly read: number;
}

/**
 * Passes lines between a client and a server's program, no faster than the other side reads. Calls of tools are decided on
 * as they were parsed, and lists of tools filtered; every other line passes byte for byte. Settles when either side has
 * gone; when `ending` is aborted, what waits for an answer gets its reason. Errors: of the program, `mcp_server` for one
 * that reads nothing, that of `ending`.
 */
export async function relayLines(
  client: { readonly input: Readable; readonly output: Writable },
  server: ServerProcess,
  rules: RelayRules,
  waits: Waits,
  ending: AbortSignal,
): Promise<void> {
  ending.throwIfAborted();
  const own = new Map<string, (result: unknown) => void>();
  let asked = 0;
  /** Requests of the client's that the server has not answered. */
  const open = new Set<MessageId>();
  let over: () => void = () => {};
  let failure: Error | null = null;
  const done = new Promise<void>((resolve) => {
    over = resolve;
  });

  const toClient = (text: string): Promise<void> => writeLine(client.output, text).catch(() => over());
  ending.addEventListener("abort", () => {
    const reason = ending.reason instanceof Error ? ending.reason : new Error(String(ending.reason));
    failure ??= reason;
    const told = [...open].map((id) => toClient(errorText(id, code.internal, reason.message)));
    void Promise.race([Promise.all(told), sleep(END_MS, null, { ref: false })]).then(over);
  });
  const toServer = async (text: string): Promise<void> => {
    const timer = setTimeout(() => {
      failure ??= new SandboxedError("mcp_server", `the server's program reads nothing for ${waits.read / 1000} s`);
      over();
    }, waits.read);
    await server.send(text).catch(() => over());
    clearTimeout(timer);
  };
  const askTools = (params: object): Promise<unknown> => {
    const id = `${OWN}${(asked += 1)}`;
    return new Promise((resolve) => {
      own.set(id, resolve);
      void toServer(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params }));
    });
  };

  /** Whether the server has said in time what it offers. */
  async function learn(message: JsonTable): Promise<boolean> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), waits.list);
    const isLate = new Promise<null>((resolve) => late.signal.addEventListener("abort", () => resolve(null)));
    try {
      await learnTools(rules, message, (params) => Promise.race([askTools(params), isLate]));
    } finally {
      clearTimeout(timer);
    }
    return !late.signal.aborted;
  }

  async function fromClient(text: string): Promise<void> {
    const read = readClientMessage(text);
    if (!read.ok) {
      rules.refused(read.reason);
      return toClient(errorText(read.id, read.code, read.reason));
    }
    const { message } = read;
    const { id, method } = message;
    if (method === "tools/call") {
      const isKnown = rules.definition(message) !== null || (await learn(message));
      if (!isKnown) rules.refused(LATE, message["params"]);
      const refusal = isKnown ? rules.refusal(message) : LATE;
      if (refusal !== null) return id === undefined ? undefined : toClient(errorText(id, code.invalidParams, refusal));
    }
    if (ending.aborted) return;
    if (method !== undefined && isId(id) && open.size < MOST_OPEN) open.add(id);
    return toServer(text);
  }

  function fromServer(text: string): void | Promise<void> {
    const message = readServerMessage(text);
    // What is open has been answered with the reason.
    if (message === null || ending.aborted) return;
    const { id, method } = message;
    if (method === undefined && typeof id === "string" && own.has(id)) {
      own.get(id)?.(message["result"]);
      own.delete(id);
      return;
    }
    if (method === undefined && isId(id)) open.delete(id);
    const shown = rules.shown(message);
    return toClient(shown === message ? text : JSON.stringify(shown));
  }

  await server.start({
    line: fromServer,
    end: (error) => {
      failure ??= error;
      for (const settle of own.values()) settle(null);
      over();
    },
  });
  // One after the other: a call that waits for a list keeps its place.
  let last: Promise<void> = Promise.resolve();
  readLines(client.input, {
    line: (text) => {
      last = last.then(() => fromClient(text)).catch(() => over());
      return last;
    },
    end: () => void Promise.race([last, sleep(END_MS, null, { ref: false })]).then(over),
  });
  client.output.on("error", () => over());
  await done;
  await server.close();
  // oxlint-disable-next-line typescript/only-throw-error -- an error, or the type of one that the compiler has narrowed away
  if (failure !== null) throw failure as Error;
}
