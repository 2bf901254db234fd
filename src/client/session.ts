import { SessionError } from "./errors.ts";
import { valueOf } from "./tool-value.ts";
import { openWire } from "./wire.ts";
import type { OnProgress, Wire } from "./wire.ts";

export interface ConnectOptions {
  /** `tcp://127.0.0.1:PORT`; by default what the environment says. */
  readonly channel?: string;
  readonly token?: string;
  /** Milliseconds until a session that does not answer is given up; 10,000 by default. */
  readonly timeout?: number;
}

/** A capability as on the command line (`fs.read=src/**:calls=50`), or as data. */
export type Capability =
  | string
  | {
      readonly kind: string;
      readonly scope?: readonly string[];
      readonly calls?: number;
      readonly rate?: string;
      readonly expires_in?: number;
      readonly approval?: "never" | "always" | "once";
    };

export interface Question {
  readonly question: string;
  /** Shown with the question. */
  readonly data?: unknown;
  /** A JSON schema of what the answer is to hold besides `approve`. */
  readonly schema?: object;
  /** Seconds until nobody having answered is an error, `timed_out`. */
  readonly timeout?: number;
}

/** `approve`, and what the question's schema asked for. */
export type Reply = { readonly approve: boolean } & Readonly<Record<string, unknown>>;

export interface Tool {
  readonly name: string;
  readonly description?: string;
  readonly inputSchema?: object;
}

export interface Fetched {
  /** Of the last request, and how many redirects led to it. */
  readonly url: string;
  readonly redirects: number;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly encoding: "utf-8" | "base64";
  readonly bytes: number;
  /** There was more of the body than `max_bytes`. */
  readonly truncated: boolean;
}

/** Connects to the session of this run. Errors: `no_channel`, `unauthenticated`. */
export async function connect(options: ConnectOptions = {}): Promise<Session> {
  const channel = options.channel ?? fromEnvironment("CHANNEL");
  const token = options.token ?? fromEnvironment("TOKEN");
  if (channel === null || token === null) {
    throw new SessionError("no_channel", "this program has no session to talk to", {
      hint: "start it with sandboxed-run --grant CAPABILITY, for example --grant checkpoint",
    });
  }
  const port = Number(/^tcp:\/\/127\.0\.0\.1:([1-9][0-9]{0,4})$/.exec(channel)?.[1]);
  if (!(port <= 65_535)) {
    throw new SessionError("no_channel", `${JSON.stringify(channel)} is no channel`, {
      hint: "it looks like tcp://127.0.0.1:PORT",
    });
  }
  return new Session(await openWire(port, token, options.timeout ?? 10_000));
}

function fromEnvironment(name: string): string | null {
  return process.env[`SANDBOXED_${name}`] ?? process.env[`CODEX_${name}`] ?? null;
}

/** The session that started this program, and what it granted. Every method may throw a `SessionError`. */
export class Session {
  readonly #wire: Wire;
  readonly memory: Memory;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.memory = memoryOver(wire);
  }

  /** Ends the connection; open calls are answered with `disconnected`. */
  close(): void {
    this.#wire.close();
  }

  /** Any method by its name. */
  call(method: string, params: object = {}): Promise<unknown> {
    return this.#wire.call(method, params);
  }

  async ping(): Promise<void> {
    await this.call("session.ping");
  }

  /** Who this session is, and what is granted. */
  async info(): Promise<Readonly<Record<string, unknown>>> {
    return objectIn(await this.call("session.info"));
  }

  /** The text of a file, or of `limit` bytes of it from `offset`. */
  async read(path: string, part: { readonly offset?: number; readonly limit?: number } = {}): Promise<string> {
    return textIn(await this.call("session.read", { path, ...part }), "content");
  }

  async readBytes(path: string, part: { readonly offset?: number; readonly limit?: number } = {}): Promise<Buffer> {
    const answer = await this.call("session.read", { path, encoding: "base64", ...part });
    return Buffer.from(textIn(answer, "content"), "base64");
  }

  /** The paths that match; what may not be read is not among them. */
  async glob(pattern: string): Promise<readonly string[]> {
    return textsIn(await this.call("session.glob", { pattern }), "paths");
  }

  async stat(path: string): Promise<Readonly<Record<string, unknown>>> {
    return objectIn(await this.call("session.stat", { path }));
  }

  /** Puts the whole content in the file's place, at once or not at all. */
  async write(path: string, content: string | Uint8Array): Promise<Readonly<Record<string, unknown>>> {
    const params =
      typeof content === "string"
        ? { path, content }
        : { path, content: Buffer.from(content).toString("base64"), encoding: "base64" };
    return objectIn(await this.call("session.write", params));
  }

  /** A unified diff, or the `*** Begin Patch` form: all of it or nothing. */
  async applyPatch(patch: string, path?: string): Promise<Readonly<Record<string, unknown>>> {
    return objectIn(await this.call("session.apply_patch", { patch, ...(path !== undefined && { path }) }));
  }

  /** Calls a tool of the session's and returns what it returned; `onProgress` hears how far it is meanwhile. */
  async tool(name: string, toolArguments: object = {}, onProgress?: OnProgress): Promise<unknown> {
    return valueOf(await this.#wire.call("session.tool", { name, arguments: toolArguments }, onProgress));
  }

  async tools(): Promise<readonly Tool[]> {
    return toolsIn(await this.call("session.tools"));
  }

  async searchTools(query: string): Promise<readonly Tool[]> {
    return toolsIn(await this.call("session.search_tools", { query }));
  }

  /** Asks whoever watches over the session, and waits. Errors: `timed_out` besides the others. */
  async checkpoint(question: string, data?: unknown, more: Omit<Question, "question" | "data"> = {}): Promise<Reply> {
    const answer = await this.call("session.checkpoint", { question, ...(data !== undefined && { data }), ...more });
    const { approve, ...rest } = objectIn(answer);
    return { ...rest, approve: approve === true };
  }

  /** Hands a result to whoever started the run, apart from what the program prints. */
  async summarize(title: string, data?: unknown): Promise<void> {
    await this.call("session.summarize", { title, data: data ?? null });
  }

  /** Fetches from a host that both the token and the policy allow; follows redirects to others that they allow. */
  async fetch(
    url: string,
    options: {
      readonly method?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string | Uint8Array;
      /** Of the answer's body; a MiB unless said otherwise. */
      readonly max_bytes?: number;
      /** Seconds. */
      readonly timeout?: number;
    } = {},
  ): Promise<Fetched> {
    const { body, ...more } = options;
    const sent =
      body === undefined || typeof body === "string"
        ? { body }
        : { body: Buffer.from(body).toString("base64"), encoding: "base64" };
    // The session's own form; it is checked where it is made.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return objectIn(await this.call("session.fetch", { url, ...more, ...sent })) as unknown as Fetched;
  }

  requestPermissions(permissions: object, reason?: string): Promise<unknown> {
    return this.call("session.request_permissions", { permissions, ...(reason !== undefined && { reason }) });
  }

  /** A token for part of what this one may do. */
  async grant(
    capabilities: readonly Capability[],
    bounds: { readonly expires_in?: number; readonly calls?: number } = {},
  ): Promise<{ readonly token: string } & Readonly<Record<string, unknown>>> {
    const answer = objectIn(await this.call("session.grant", { capabilities, ...bounds }));
    return { ...answer, token: textIn(answer, "token") };
  }

  /** Runs a program in a sandbox of its own, with part of what this one may do, and waits for its end. */
  async spawn(
    command: readonly string[],
    capabilities: readonly Capability[] = [],
  ): Promise<Readonly<Record<string, unknown>>> {
    return objectIn(await this.call("session.spawn", { command, capabilities }));
  }

  /** Stops the run's clock while this program asks somebody itself. */
  async elicitation<T>(ask: () => Promise<T>): Promise<T> {
    await this.call("session.elicitation.begin");
    try {
      return await ask();
    } finally {
      await this.call("session.elicitation.end");
    }
  }
}

/** What is kept under a name, as far as the capability reaches. */
export interface Memory {
  /** Undefined where nothing is kept. */
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  list(prefix?: string): Promise<readonly string[]>;
  /** Whether there was something to delete. */
  delete(key: string): Promise<boolean>;
}

function memoryOver(wire: Wire): Memory {
  return {
    async get(key) {
      const { found, value } = objectIn(await wire.call("session.memory.get", { key }));
      return found === true ? value : undefined;
    },
    async set(key, value) {
      await wire.call("session.memory.set", { key, value });
    },
    async list(prefix) {
      return textsIn(await wire.call("session.memory.list", prefix === undefined ? {} : { prefix }), "keys");
    },
    async delete(key) {
      return objectIn(await wire.call("session.memory.delete", { key }))["deleted"] === true;
    },
  };
}

function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new SessionError("protocol", "an answer is no object");
  return { ...value };
}

function textIn(answer: unknown, name: string): string {
  const value = objectIn(answer)[name];
  if (typeof value !== "string") throw new SessionError("protocol", `an answer has no ${name}`);
  return value;
}

function listIn(answer: unknown, name: string): readonly unknown[] {
  const value = objectIn(answer)[name];
  if (!Array.isArray(value)) throw new SessionError("protocol", `an answer has no ${name}`);
  return value;
}

function textsIn(answer: unknown, name: string): readonly string[] {
  return listIn(answer, name).map(String);
}

function toolsIn(answer: unknown): readonly Tool[] {
  return listIn(answer, "tools").map((tool) => ({ ...objectIn(tool), name: textIn(tool, "name") }));
}
