import type { Client, Progress, Transport } from "@modelcontextprotocol/client";
import type { McpServer } from "../config/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import { endUnread } from "./answers-read.ts";
import type { Asks } from "./asks.ts";
import { asItCame, listEverything } from "./catalogue.ts";
import type { ToolDefinition } from "./catalogue.ts";
import { makeClient } from "./client.ts";
import { addressesIn } from "./elicitation.ts";
import { ServerError } from "./server-error.ts";
import { progressFirst } from "./in-order.ts";
import { fitForHeaders, parameterHeaders } from "./http/parameter-headers.ts";
import { loginHint, wantsLogin } from "./login-wanted.ts";
import { Patience } from "./patience.ts";
import { withoutSecrets } from "./secrets.ts";
import { isUnheard } from "./unheard.ts";

export type ServerState = "not_started" | "starting" | "connected" | "authentication_required" | "failed" | "closed";

/** A way to a server, opened anew for each connection. */
export interface OpenedWay {
  readonly transport: Transport;
  /** What it did that ended the connection. */
  readonly failure: () => Error | null;
  /** Why the other side went, as far as it said. */
  readonly lastWords: () => string;
}

export interface ConnectionOptions {
  readonly server: McpServer;
  readonly open: () => Promise<OpenedWay>;
  readonly asks: Asks;
  /** Told to nobody, whatever the server says. */
  readonly secrets: readonly string[];
  readonly onToolsChanged: () => void;
  readonly onOdd?: (message: string) => void;
}

export interface CallOptions {
  readonly signal: AbortSignal;
  /** What it wants in headers is sent there as well, where the protocol has that. */
  readonly definition?: ToolDefinition;
  readonly onProgress?: (progress: Progress) => void;
}

/** The first wait before a server is tried again; each failure in a row doubles it. */
const FIRST_DELAY = 250;
const LONGEST_DELAY = 30_000;
/** Of a server's tools, while it says each time that they changed meanwhile. */
const MOST_READS = 5;
/** The SDK's own clock does not stand still: it is not used. */
const NEVER = 2 ** 31 - 1;

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
  readonly #patience = new Patience();
  /** Aborted with why it may not be used any more. */
  readonly #ended = new AbortController();

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
    this.#isAllowed();
    if (this.#client !== null) return this.#client;
    this.#connecting ??= this.#connectOnce().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  /** Every tool it has, read once and again after it said that they changed. */
  async tools(): Promise<readonly ToolDefinition[]> {
    /* oxlint-disable no-await-in-loop -- again only where what came is old already */
    for (let reads = 0; reads < MOST_READS; reads += 1) {
      await this.connect();
      this.#tools ??= this.#asked((client) => this.#listed(client));
      const asked = this.#tools;
      try {
        const tools = await asked;
        if (this.#tools === asked) return tools;
      } catch (error) {
        if (this.#tools === asked) this.#tools = null;
        throw this.#named(error);
      }
    }
    /* oxlint-enable no-await-in-loop */
    throw this.#named(new SandboxedError("mcp_server", "its tools change faster than they can be read"));
  }

  /** The result exactly as it came. Errors: `mcp_server`, and JSON-RPC errors of the server's own. */
  async call(
    params: Readonly<Record<string, unknown>>,
    { signal, definition, onProgress }: CallOptions,
  ): Promise<unknown> {
    await this.connect();
    const { toolTimeout } = this.server;
    const wait = this.#patience.begin(
      toolTimeout,
      () => new SandboxedError("mcp_server", `the call timed out after ${toolTimeout / 1000} s`),
    );
    const over = AbortSignal.any([signal, wait.signal, this.#ended.signal]);
    const ask = (): Promise<unknown> =>
      this.#asked((client) =>
        client.request({ method: "tools/call", params: { ...params } }, asItCame, {
          signal: over,
          timeout: NEVER,
          ...(definition !== undefined &&
            this.#repeats(client) && { headers: parameterHeaders(definition, params["arguments"]) }),
          ...(onProgress && { onprogress: onProgress }),
        }),
      );
    try {
      return await this.#afterAddresses(ask, over);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#isAllowed();
      throw this.#named(wait.signal.aborted ? wait.signal.reason : error);
    } finally {
      wait.end();
    }
  }

  /** It may not be used any more: what is open is answered with `why`, and everything that comes. */
  disable(why: SandboxedError): Promise<void> {
    this.#ended.abort(why);
    return this.close();
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
      const unread = endUnread(way.transport);
      this.#way = { ...way, failure: () => unread() ?? way.failure() };
      client = await this.#makeClient();
      await client.connect(way.transport, { timeout: this.server.startupTimeout });
      progressFirst(way.transport);
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

  #makeClient(): Promise<Client> {
    const { asks, onToolsChanged, onOdd } = this.#options;
    return makeClient({
      server: this.server,
      asks,
      waiting: (answer) => this.#waitedFor(answer),
      onToolsChanged: () => {
        this.#tools = null;
        onToolsChanged();
      },
      onOdd: (message) => onOdd?.(withoutSecrets(message, this.#options.secrets)),
      onClose: (client) => {
        if (this.#client !== client) return;
        this.#client = null;
        this.#tools = null;
        if (this.#state === "closed") return;
        this.#state = "failed";
        this.#failures += 1;
        this.#notBefore = performance.now() + FIRST_DELAY;
        onToolsChanged();
      },
    });
  }

  /** Whoever is waited for by the server is waited for by its calls. */
  async #waitedFor<T>(answer: Promise<T>): Promise<T> {
    const goOn = this.#patience.pause();
    try {
      return await answer;
    } finally {
      goOn();
    }
  }

  /**
   * Once more, after the person has opened every address that the server wants opened first; then it may not want any
   * again. Errors: `mcp_tool` when one was not opened.
   */
  async #afterAddresses<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      const { elicit } = this.#options.asks;
      const wanted = elicit === null ? [] : addressesIn(error);
      if (elicit === null || wanted.length === 0) throw error;
      for (const params of wanted) {
        // oxlint-disable-next-line no-await-in-loop -- a person does one thing after the other
        const { action } = await this.#waitedFor(elicit(this.server.name, params, signal));
        if (action === "accept") continue;
        throw new SandboxedError("mcp_tool", "it wants an address opened first, and nobody did", { cause: error });
      }
      return ask();
    }
  }

  async #listed(client: Client): Promise<readonly ToolDefinition[]> {
    const tools = await listEverything(client, this.server.startupTimeout);
    return this.#repeats(client) ? fitForHeaders(tools, (why) => this.#options.onOdd?.(why)) : tools;
  }

  /** Whether headers repeat what a call says. */
  #repeats(client: Client): boolean {
    return this.server.transport.kind === "streamable_http" && client.getProtocolEra() === "modern";
  }

  #isAllowed(): void {
    const why: unknown = this.#ended.signal.reason;
    if (why instanceof SandboxedError) throw why;
  }

  #isNotClosed(): void {
    if (this.state === "closed") throw new SandboxedError("mcp_server", `${this.server.name} was closed`);
  }

  /** With the server's name, what went wrong, and what its program said last. */
  #named(error: unknown): SandboxedError {
    const why = this.#way?.failure() ?? error;
    const isLogin = wantsLogin(error);
    const shown = (text: string): string => escapeText(withoutSecrets(text, this.#options.secrets));
    const said = shown(this.#way?.lastWords().trim().split("\n").at(-1) ?? "");
    const message = why instanceof Error ? why.message : String(why);
    const words = said === "" ? "" : `; it said: ${said}`;
    const hint = why instanceof SandboxedError && why.hint !== null ? { hint: why.hint } : {};
    const code = isLogin ? "mcp_auth" : why instanceof SandboxedError ? why.code : "mcp_server";
    const plain = `MCP server ${this.server.name}: ${shown(message)}`;
    return new ServerError(code, plain, words, {
      ...(isLogin ? { hint: loginHint(this.server.name, error) } : hint),
      cause: error,
    });
  }
}

function ignore(): void {}
