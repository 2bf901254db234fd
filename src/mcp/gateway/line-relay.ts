import type { Readable, Writable } from "node:stream";
import { readLines, writeLine } from "../stdio/lines.ts";
import type { ServerProcess } from "../stdio/server-process.ts";
import { learnTools } from "./learn-tools.ts";
import { code, errorText, OWN, readClientMessage, readServerMessage } from "./messages.ts";
import type { RelayRules } from "./relay-rules.ts";

/**
 * Passes lines between a client and a server's program. Calls of tools are decided on as they were parsed, and lists of
 * tools filtered; every other line passes byte for byte. Settles when either side has gone.
 */
export async function relayLines(
  client: { readonly input: Readable; readonly output: Writable },
  server: ServerProcess,
  rules: RelayRules,
): Promise<void> {
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
  const askTools = (params: object): Promise<unknown> => {
    const id = `${OWN}${(asked += 1)}`;
    return new Promise((resolve) => {
      own.set(id, resolve);
      toServer(JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list", params }));
    });
  };

  async function fromClient(text: string): Promise<void> {
    const read = readClientMessage(text);
    if (!read.ok) {
      rules.refused(read.reason);
      return toClient(errorText(read.id, read.code, read.reason));
    }
    const { message } = read;
    const { id, method } = message;
    if (method === "tools/call") {
      if (rules.definition(message) === null) await learnTools(rules, message, askTools);
      const refusal = rules.refusal(message);
      if (refusal !== null) return id === undefined ? undefined : toClient(errorText(id, code.invalidParams, refusal));
    }
    toServer(text);
  }

  function fromServer(text: string): void {
    const message = readServerMessage(text);
    if (message === null) return;
    const { id, method } = message;
    if (method === undefined && typeof id === "string" && own.has(id)) {
      own.get(id)?.(message["result"]);
      own.delete(id);
      return;
    }
    const shown = rules.shown(message);
    toClient(shown === message ? text : JSON.stringify(shown));
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
