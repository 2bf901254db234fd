import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, escapeText, SandboxedError } from "../../../policy/index.ts";
import { ByteRoom, roomForOthers } from "../../../network/index.ts";
import { refusedFor, relay } from "./relay.ts";
import type { Behind } from "./relay.ts";
import { admit } from "./guard.ts";
import { answerRefused, Refused } from "./refused.ts";
import { code } from "../messages.ts";

/** At a time, streams that stay open among them. */
const MOST_EXCHANGES = 128;
const MOST_CONNECTIONS = 512;
/** Of messages on their way, in both directions. */
const MOST_BYTES = 256 * 1024 * 1024;
const HEAD_MS = 10_000;
const REQUEST_MS = 60_000;
/** Clients go on with a connection that they had; the five seconds of Node end it under their next request. */
const IDLE_MS = 75_000;
const LONGEST_HEAD = 32 * 1024;
/** For clients to be told why it ends. */
const ENDING_MS = 500;

export interface ListenOptions {
  /** A loopback address. */
  readonly host: string;
  readonly port: number;
  readonly token: string;
}

export interface Listening {
  readonly port: number;
  /** Ends every exchange; with an error, those that have no answer yet are answered with it. */
  close(why?: SandboxedError): Promise<void>;
}

/** Serves clients on this machine with the server behind. Errors: `mcp_server` when the port is taken. */
export async function serveGateway({ host, port, token }: ListenOptions, behind: Behind): Promise<Listening> {
  const shownHost = host.includes(":") ? `[${host}]` : host;
  const room = new ByteRoom(MOST_BYTES);
  const open = new Map<ServerResponse, AbortController>();
  let ended: SandboxedError | null = null;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { authorization } = admit(request, shownHost, token);
    vouch(request.socket);
    if (ended !== null) throw refusedFor(ended, null);
    if (open.size >= MOST_EXCHANGES) {
      const more = { headers: { "retry-after": "1", connection: "close" } };
      throw new Refused(503, code.internal, `${MOST_EXCHANGES} requests are open already`, more);
    }
    const gone = new AbortController();
    open.set(response, gone);
    const held = room.holder();
    response.once("close", () => {
      open.delete(response);
      held.release();
    });
    await relay(request, response, { authorization, held, gone }, behind);
  };
  const server = createServer(
    {
      insecureHTTPParser: false,
      requireHostHeader: true,
      maxHeaderSize: LONGEST_HEAD,
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
    },
    (request, response) => {
      answer(request, response).catch((error: unknown) => answerRefused(response, asRefused(error)));
    },
  );
  const vouch = roomForOthers(server, MOST_CONNECTIONS);
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const why = codeOf(cause) ?? "it cannot be opened";
    throw new SandboxedError("mcp_server", `${shownHost}:${port} cannot be listened on: ${why}`, {
      hint: "choose another port; with :0 one is found",
      cause,
    });
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    async close(why) {
      server.close();
      if (why !== undefined) {
        ended = why;
        const told = [...open.keys()].map((response) => once(response, "close"));
        for (const gone of open.values()) gone.abort(why);
        await Promise.race([Promise.all(told), sleep(ENDING_MS, null, { ref: false })]);
      }
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function asRefused(error: unknown): Refused {
  if (error instanceof Refused) return error;
  return new Refused(500, code.internal, escapeText(error instanceof Error ? error.message : String(error)));
}
