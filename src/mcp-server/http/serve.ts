import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { createMcpHandler, isLegacyRequest } from "@modelcontextprotocol/server";
import * as sdk from "@modelcontextprotocol/server";
import { toNodeHandler } from "@modelcontextprotocol/node";
import type { NodeIncomingMessageLike } from "@modelcontextprotocol/node";
import { ByteRoom, roomForOthers } from "../../network/index.ts";
import { codeOf, SandboxedError } from "../../policy/index.ts";
import { serverFactory } from "../factory.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { admit, PATH } from "./admission.ts";
import { LONGEST_BODY, readBody } from "./body.ts";
import { Clients } from "./clients.ts";
import { refusal, Sessions } from "./sessions.ts";

export interface Listening {
  /** An address of the loopback interface. */
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  readonly tokens: readonly string[];
  /** Milliseconds without a request, after which a session ends. */
  readonly idle?: number;
}

export interface HttpServing {
  readonly url: string;
  /** Takes no more requests; once the answers that are on their way were sent, ends sessions and connections. */
  close(): Promise<void>;
}

const IDLE = 30 * 60_000;
const SESSIONS_EACH = 32;
const MOST_CONNECTIONS = 256;
/** Of one client, while its requests are on: several of the longest there are. */
const MOST_BYTES_EACH = 4 * LONGEST_BODY;
const MOST_SUBSCRIPTIONS = 64;
const HEAD_MS = 10_000;
const BODY_MS = 60_000;

/** So long answers that are on their way are waited for at the end. */
const GRACE_MS = 500;

/** Serves clients over streamable HTTP, in both eras of the protocol. Errors: `mcp_server` when it cannot listen. */
export async function serveHttp(
  orchestratorOf: (client: string) => Orchestrator,
  { host, port, tokens, idle = IDLE }: Listening,
): Promise<HttpServing> {
  const [factory, { parseJsonText }] = await Promise.all([
    serverFactory(orchestratorOf),
    import("../../session/json-text.ts"),
  ]);
  const clients = new Clients(tokens);
  const sessions = new Sessions(sdk, factory, { idle, each: SESSIONS_EACH });
  const modern = createMcpHandler(factory, {
    legacy: "reject",
    maxRequestBodySize: LONGEST_BODY,
    maxSubscriptions: MOST_SUBSCRIPTIONS,
  });

  const open = new Set<Promise<void>>();
  const rooms = new Map<string, ByteRoom>();

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const admission = admit(sdk, clients, incoming);
    if (!admission.ok) return send(admission.response, outgoing);
    vouch(incoming.socket);
    const room = rooms.get(admission.client) ?? new ByteRoom(MOST_BYTES_EACH);
    rooms.set(admission.client, room);
    const held = room.holder();
    const auth = { token: "", clientId: admission.client, scopes: [] };
    const over = new Promise<void>((resolve) => outgoing.once("close", resolve));
    open.add(over);
    void over.then(() => {
      open.delete(over);
      held.release();
    });
    const body = incoming.method === "POST" ? await readBody(incoming, held, parseJsonText) : null;
    if (body?.ok === false) {
      return send(refusal(body.status, body.status === 400 ? -32_700 : -32_000, body.message), outgoing);
    }
    const fetch = async (request: Request): Promise<Response> => {
      const response = (await isLegacyRequest(request, body?.value))
        ? await sessions.serve({ request, body: body?.value, auth, over })
        : await modern.fetch(request, { authInfo: auth, parsedBody: body?.value });
      // Node holds a head back until there is a body, which a stream of notices may not have for long.
      setImmediate(() => outgoing.headersSent && outgoing.flushHeaders());
      return response;
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same, to who does not tell absent from undefined
    return toNodeHandler({ fetch })(incoming as NodeIncomingMessageLike, outgoing, body?.value);
  };

  const server = createServer({ headersTimeout: HEAD_MS, requestTimeout: BODY_MS }, (incoming, outgoing) => {
    answer(incoming, outgoing).catch(() => outgoing.destroy()); // a request that broke off has nobody to answer
  });
  const vouch = roomForOthers(server, MOST_CONNECTIONS);
  const address = await listen(server, host, port);
  return {
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}${PATH}`,
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      await Promise.race([Promise.all(open), setTimeout(GRACE_MS, null, { ref: false })]);
      await Promise.all([sessions.close(), modern.close()]);
      server.closeAllConnections();
      await closed;
    },
  };
}

/** And reads no more: what is left of the request would be in the way of the next one. */
async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  const text = await response.text();
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), connection: "close" }).end(text);
}

async function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  try {
    server.listen(port, host);
    await once(server, "listening");
  } catch (cause) {
    const code = codeOf(cause) ?? "unknown error";
    throw new SandboxedError("mcp_server", `port ${port} of ${host} cannot be listened on (${code})`, {
      hint: "choose another one; with port 0 any that is free is taken",
      cause,
    });
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
  return server.address() as AddressInfo;
}
