import type { Readable, Writable } from "node:stream";
import { isTable } from "../catalogue.ts";
import type { JsonTable } from "../catalogue.ts";
import { JsonTextError, parseJsonText } from "../../session/index.ts";
import { readLines, writeLine } from "../stdio/lines.ts";
import type { ServerProcess } from "../stdio/server-process.ts";
import type { RelayRules } from "./relay-rules.ts";

const INVALID_REQUEST = -32_600;
const INVALID_PARAMS = -32_602;
const PARSE_ERROR = -32_700;
const MOST_PAGES = 100;

/** Ids of the gateway's own requests; a client's that begin so are refused. */
const OWN = "sandboxed-gateway-";

/**
 * Passes lines between a client and a server's program. Calls of tools are decided on as they were parsed, and lists of
 * tools filtered; every other line passes byte for byte. Settles when either side has gone.
 */
export async function relayLines(
  client: { readonly input: Readable; readonly output: Writable },
  server: ServerProcess,
  rules: RelayRules,
): Promise<void> {
  const lists = new Set<string | number>();
  const own = new Map<string, (result: unknown) => void>();
  let asked = 0;
  let over: () => void = () => {};
  let failure: Error | null = null;
  const done = new Promise<void>((resolve) => {
    over = resolve;
  });

  const toClient = (text: string): void => {
    writeLine(client.output, text).catch(() => over());
  };
  const toServer = (text: string): void => {
    server.send(text).catch(() => over());
  };
  const answer = (id: unknown, code: number, message: string): void => {
    toClient(JSON.stringify({ jsonrpc: "2.0", id: id ?? null, error: { code, message } }));
  };

  /** Reads what the server offers, for a call that came before its client had asked. */
  async function learn(meta: unknown): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < MOST_PAGES; page++) {
      const id = `${OWN}${(asked += 1)}`;
      const params = { ...(isTable(meta) && { _meta: meta }), ...(cursor !== undefined && { cursor }) };
      // oxlint-disable-next-line no-await-in-loop -- a page names the next
      const result = await new Promise<unknown>((resolve) => {
        own.set(id, resolve);
        toServer(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params }));
      });
      rules.list(result);
      const next = isTable(result) ? result["nextCursor"] : undefined;
      if (typeof next !== "string" || next === cursor) return;
      cursor = next;
    }
  }

  async function fromClient(text: string): Promise<void> {
    let message: unknown;
    try {
      message = parseJsonText(text);
    } catch (error) {
      return answer(null, PARSE_ERROR, error instanceof JsonTextError ? error.message : "it is not JSON");
    }
    // A batch would hide calls; no revision that is spoken has them any more.
    if (!isTable(message)) return answer(null, INVALID_REQUEST, "a message is one object");
    const { id, method } = message;
    if (typeof id === "string" && id.startsWith(OWN)) return answer(id, INVALID_REQUEST, "this id is taken");
    if (method === "tools/list" && isId(id)) lists.add(id);
    if (method === "tools/call") {
      if (!rules.knows(message)) await learn(metaOf(message));
      const refusal = rules.refusal(message);
      if (refusal !== null) return id === undefined ? undefined : answer(id, INVALID_PARAMS, refusal);
    }
    toServer(text);
  }

  function fromServer(text: string): void {
    let message: unknown;
    try {
      message = parseJsonText(text);
    } catch {
      return; // what a client and the gateway could read differently passes to neither
    }
    if (!isTable(message)) return;
    const { id, method } = message;
    if (method === "notifications/tools/list_changed") rules.forget();
    if (method === undefined && typeof id === "string" && own.has(id)) {
      own.get(id)?.(message["result"]);
      own.delete(id);
      return;
    }
    if (method !== undefined || !isId(id) || !lists.delete(id)) return toClient(text);
    const { result } = message;
    const left = rules.list(result);
    toClient(left === result ? text : JSON.stringify({ ...message, result: left }));
  }

  await server.start({
    line: fromServer,
    end: (error) => {
      failure = error;
      for (const settle of own.values()) settle(null);
      over();
    },
  });
  // One after the other: a call that waits for a list keeps its place.
  let last: Promise<void> = Promise.resolve();
  readLines(client.input, {
    line: (text) => {
      last = last.then(() => fromClient(text)).catch(() => over());
    },
    end: () => void last.then(over),
  });
  client.output.on("error", () => over());
  await done;
  await server.close();
  // oxlint-disable-next-line typescript/only-throw-error -- an error, or the type of one that the compiler has narrowed away
  if (failure !== null) throw failure as Error;
}

function isId(id: unknown): id is string | number {
  return typeof id === "string" || typeof id === "number";
}

function metaOf({ params }: JsonTable): unknown {
  return isTable(params) ? params["_meta"] : undefined;
}
