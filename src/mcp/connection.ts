import type { Client, ClientOptions, Progress, Transport } from "@modelcontextprotocol/client";
import type { McpServer } from "../config/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import { version } from "../generated/version.ts";
import { listEverything } from "./catalogue.ts";
import type { ToolDefinition } from "./catalogue.ts";
import type { Elicit } from "./elicitation.ts";

export type ServerState = "not_started" | "starting" | "connected" | "authentication_required" | "failed" | "closed";

/** A way to a server, opened anew for each connection. */
export interface OpenedWay {
  readonly transport: Transport;
  /** Why the other side went, as far as it said. */
  readonly lastWords: () => string;
}

export interface ConnectionOptions {
  readonly server: McpServer;
  readonly open: () => Promise<OpenedWay>;
  /** Without it servers are told that nobody can be asked. */
  readonly elicit: Elicit | null;
  readonly onToolsChanged: () => void;
  readonly onOdd?: (message: string) => void;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

/** The first wait before a server is tried again; each failure in a row doubles it. */
const FIRST_DELAY = 250;
const LONGEST_DELAY = 30_000;

/** One server: connected when first needed, and again after it was lost. */
export class Connection {
  readonly server: McpServer;
  readonly #options: ConnectionOptions;
  #state: ServerState = "not_started";
  #failure: Error | null = null;
  #failures = 0;
  #notBefore = 0;
  #client: Client | null = null;
  #way: OpenedWay | null = null;
  #connecting: Promise<Client> | null = null;
  #tools: Promise<readonly ToolDefinition[]> | null = null;

  constructor(options: ConnectionOptions) {
    this.server = options.server;
    this.#options = options;
  }

  get state(): ServerState {
    return this.#state;
  }

  get failure(): Error | null {
    return this.#failure;
  }

  /** Errors: `mcp_server` with the cause; `mcp_auth`. */
  async connect(): Promise<Client> {
    if (this.#client !== null) return this.#client;
    this.#connecting ??= this.#connectOnce().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  /** Every tool it has, read once and again after it said that they changed. */
  async tools(): Promise<readonly ToolDefinition[]> {
    await this.connect();
    this.#tools ??= this.#asked((client) => listEverything(client, this.server.startupTimeout));
    const asked = this.#tools;
    try {
      return await asked;
    } catch (error) {
      if (this.#tools === asked) this.#tools = null;
      throw this.#named(error);
    }
  }

  /** The result exactly as it came. Errors: `mcp_server`, and JSON-RPC errors of the server's own. */
  async call(params: Readonly<Record<string, unknown>>, { signal, onProgress }: CallOptions): Promise<unknown> {
    await this.connect();
    try {
      return await this.#asked((client) =>
        client.request({ method: "tools/call", params: { ...params } }, asItCame, {
          signal,
          timeout: this.server.toolTimeout,
          ...(onProgress && {
            onprogress: onProgress,
            resetTimeoutOnProgress: true,
            maxTotalTimeout: this.server.toolTimeout,
          }),
        }),
      );
    } catch (error) {
      if (signal.aborted) throw error;
      throw this.#named(error);
    }
  }

  async close(): Promise<void> {
    this.#state = "closed";
    const client = this.#client;
    this.#client = null;
    await client?.close();
  }

  /** Asked once more, on a new connection, where the server never got to it. */
  async #asked<T>(ask: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.connect();
    try {
      return await ask(client);
    } catch (error) {
      if (!isUnheard(error, this.#way?.transport)) throw error;
      if (this.#client === client) await client.close().catch(ignore);
      return ask(await this.connect());
    }
  }

  async #connectOnce(): Promise<Client> {
    if (this.#state === "closed") throw new SandboxedError("mcp_server", `${this.server.name} is closed`);
    const wait = this.#notBefore - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    this.#state = "starting";
    this.#tools = null;
    let client: Client | null = null;
    try {
      const way = await this.#options.open();
      this.#way = way;
      client = await this.#makeClient();
      await client.connect(way.transport, { timeout: this.server.startupTimeout });
      this.#isNotClosed();
    } catch (error) {
      await client?.close().catch(ignore);
      this.#failures += 1;
      this.#notBefore = performance.now() + Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (this.#failures - 1));
      const named = this.#named(error);
      if (this.state !== "closed") {
        this.#state = named.code === "mcp_auth" ? "authentication_required" : "failed";
      }
      this.#failure = named;
      throw named;
    }
    this.#client = client;
    this.#state = "connected";
    this.#failures = 0;
    this.#failure = null;
    return client;
  }

  async #makeClient(): Promise<Client> {
    const { Client: Sdk } = await import("@modelcontextprotocol/client");
    const { elicit, onToolsChanged, onOdd } = this.#options;
    const { protocol } = this.server;
    const options: ClientOptions = {
      capabilities: elicit === null ? {} : { elicitation: { form: {}, url: {} } },
      versionNegotiation: {
        mode: protocol === "2026-07-28" ? { pin: protocol } : protocol,
      },
      listChanged: {
        tools: {
          autoRefresh: false,
          onChanged: () => {
            this.#tools = null;
            onToolsChanged();
          },
        },
      },
    };
    const client = new Sdk({ name: "sandboxed-run", version }, options);
    if (elicit !== null) {
      client.setRequestHandler("elicitation/create", (request, context) =>
        elicit(this.server.name, request.params, context.mcpReq.signal),
      );
    }
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has callbacks and no events
    client.onerror = (error) => {
      onOdd?.(escapeText(error.message));
      // Whoever waits for an answer on that stream would wait for it in vain.
      if (isGivenUp(error)) void client.close().catch(ignore);
    };
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the same
    client.onclose = () => {
      if (this.#client !== client) return;
      this.#client = null;
      this.#tools = null;
      if (this.#state === "closed") return;
      this.#state = "failed";
      this.#failures += 1;
      this.#notBefore = performance.now() + FIRST_DELAY;
      onToolsChanged();
    };
    return client;
  }

  #isNotClosed(): void {
    if (this.state === "closed") throw new SandboxedError("mcp_server", `${this.server.name} was closed`);
  }

  /** With the server's name, what went wrong, and what its program said last. */
  #named(error: unknown): SandboxedError {
    const transport = this.#way?.transport;
    const why =
      transport !== undefined && "failure" in transport && transport.failure instanceof Error
        ? transport.failure
        : error;
    const isLogin = wantsLogin(error);
    const said = this.#way?.lastWords().trim().split("\n").at(-1) ?? "";
    const message = why instanceof Error ? why.message : String(why);
    const words = said === "" ? "" : `; it said: ${escapeText(said)}`;
    const hint = why instanceof SandboxedError && why.hint !== null ? { hint: why.hint } : {};
    return new SandboxedError(
      isLogin ? "mcp_auth" : why instanceof SandboxedError ? why.code : "mcp_server",
      `MCP server ${this.server.name}: ${escapeText(message)}${words}`,
      isLogin ? { hint: `log in: sandboxed mcp login ${this.server.name}`, cause: error } : { ...hint, cause: error },
    );
  }
}

function wantsLogin(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isRefused = "status" in error && error.status === 401;
  return isRefused || error.name === "UnauthorizedError" || /\b401\b|unauthorized/i.test(error.message);
}

/** Not delivered; or refused over HTTP because the session is one that the server no longer knows. */
function isUnheard(error: unknown, transport: Transport | undefined): boolean {
  if (isUnreached(error)) return true;
  if (!(error instanceof Error) || !("status" in error) || transport?.sessionId === undefined) return false;
  // 404 is what the protocol says; there are servers that say 400.
  return error.status === 404 || error.status === 400;
}

function isUnreached(error: unknown): boolean {
  const cause = error instanceof SandboxedError ? error.cause : null;
  return cause instanceof Error && "syscall" in cause && cause.syscall === "connect";
}

/** The SDK says so in words alone. */
function isGivenUp({ message }: Error): boolean {
  return message.startsWith("Maximum reconnection attempts");
}

/** The SDK's own schemas would take members away that they do not know. */
const asItCame = {
  "~standard": { version: 1, vendor: "sandboxed-run", validate: (value: unknown) => ({ value }) },
} as const;

function ignore(): void {}
