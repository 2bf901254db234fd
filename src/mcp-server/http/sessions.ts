import { randomBytes } from "node:crypto";
import type * as ServerSdk from "@modelcontextprotocol/server";
import type {
  AuthInfo,
  McpServerFactory,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";

type Sdk = Pick<typeof ServerSdk, "WebStandardStreamableHTTPServerTransport" | "isInitializeRequest">;

/** One request and the connection that waits for its answer. */
export interface Exchange {
  readonly request: Request;
  readonly body: unknown;
  readonly auth: AuthInfo;
  /** Settles when the answer was sent, or nobody is there to take it. */
  readonly over: Promise<void>;
}

interface Session {
  readonly client: string;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** Connections that it has, one for notices among them. */
  open: number;
  /** Of those, the ones that wait for an answer. */
  waiting: number;
  /** Set while nothing is open. */
  timer: NodeJS.Timeout | null;
}

export interface SessionLimits {
  /** Milliseconds without a request, after which a session ends. */
  readonly idle: number;
  /** Sessions of one client; the one that has waited for nothing for longest makes room. */
  readonly each: number;
}

/** Sessions of the era with a handshake: each has a server of its own, and belongs to the client that opened it. */
export class Sessions {
  readonly #sdk: Sdk;
  readonly #factory: McpServerFactory;
  readonly #limits: SessionLimits;
  /** Those idle for longest come first. */
  readonly #sessions = new Map<string, Session>();

  constructor(sdk: Sdk, factory: McpServerFactory, limits: SessionLimits) {
    this.#sdk = sdk;
    this.#factory = factory;
    this.#limits = limits;
  }

  async serve(exchange: Exchange): Promise<Response> {
    const { request, body, auth } = exchange;
    const id = request.headers.get("mcp-session-id");
    if (id === null) {
      if (this.#sdk.isInitializeRequest(body)) return this.#begin(exchange);
      return refusal(400, -32_000, "Bad Request: Mcp-Session-Id header is required");
    }
    const session = this.#sessions.get(id);
    // Whether a session of another client's is there is nobody's to know.
    if (session === undefined || session.client !== auth.clientId) return refusal(404, -32_001, "Session not found");
    this.#hold(id, session, exchange);
    return session.transport.handleRequest(request, { authInfo: auth, parsedBody: body });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.values()].map(({ transport }) => transport.close()));
  }

  async #begin(exchange: Exchange): Promise<Response> {
    const { request, body, auth } = exchange;
    if (!(await this.#makeRoom(auth.clientId))) return refusal(503, -32_000, "too many sessions are in use");
    const id = randomBytes(32).toString("base64url");
    const transport = new this.#sdk.WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    const session: Session = { client: auth.clientId, transport, open: 0, waiting: 0, timer: null };
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- a transport has one listener
    transport.onclose = () => {
      clearTimeout(session.timer ?? undefined);
      this.#sessions.delete(id);
    };
    const server = await this.#factory({ era: "legacy", authInfo: auth, requestInfo: request });
    await server.connect(transport);
    this.#hold(id, session, exchange);
    return transport.handleRequest(request, { authInfo: auth, parsedBody: body });
  }

  /** A session with a connection does not end for being idle. */
  #hold(id: string, session: Session, { request, over }: Exchange): void {
    const waits = request.method === "POST" ? 1 : 0;
    clearTimeout(session.timer ?? undefined);
    session.timer = null;
    session.open += 1;
    session.waiting += waits;
    this.#sessions.delete(id);
    this.#sessions.set(id, session);
    void over.then(() => {
      session.open -= 1;
      session.waiting -= waits;
      if (session.open > 0 || this.#sessions.get(id) !== session) return;
      session.timer = setTimeout(() => void session.transport.close(), this.#limits.idle).unref();
    });
  }

  async #makeRoom(client: string): Promise<boolean> {
    const own = [...this.#sessions.values()].filter((session) => session.client === client);
    if (own.length < this.#limits.each) return true;
    const idle = own.find(({ waiting }) => waiting === 0);
    await idle?.transport.close();
    return idle !== undefined;
  }
}

/** As the protocol has it for a request that reached no server. */
export function refusal(status: number, code: number, message: string, headers: Record<string, string> = {}): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status, headers });
}
