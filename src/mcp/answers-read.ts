import type { Transport } from "@modelcontextprotocol/client";
import { SandboxedError } from "../policy/index.ts";

/** Answers to a server that wait to be read: it has asked more than anybody means to. */
const MOST_UNREAD = 200;

/** Ends a connection whose server asks and asks and reads no answer. Returns why it did, null as long as it has not. */
export function endUnread(transport: Transport): () => Error | null {
  const send = transport.send.bind(transport);
  let unread = 0;
  let failure: Error | null = null;
  transport.send = async (message, options) => {
    if ("method" in message) return send(message, options);
    if (failure !== null) throw failure;
    unread += 1;
    try {
      if (unread <= MOST_UNREAD) return await send(message, options);
    } finally {
      unread -= 1;
    }
    failure = new SandboxedError("mcp_server", `it has ${MOST_UNREAD} answers to its questions unread`);
    void transport.close().catch(() => {});
    throw failure;
  };
  return () => failure;
}
