import { createInterface } from "node:readline";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import type { ElicitResult, Progress } from "@modelcontextprotocol/client";
import type { Stage } from "../stage/index.ts";

export interface Answer {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
  readonly structuredContent?: Readonly<Record<string, unknown>>;
}

export const eras = ["legacy", "2026-07-28"] as const;
export type Era = (typeof eras)[number];

export interface Serving {
  readonly url: string;
  /** Of a server without `--token-file`. */
  readonly token: string;
  readonly pid: number;
  /** What it has said so far. */
  readonly said: () => string;
  /** Sends the signal; the status it ended with. */
  readonly end: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** `sandboxed mcp-server --listen` in the stage's workspace or another directory, once it is ready. */
export async function serve(
  stage: Stage,
  words: readonly string[] = [],
  cwd: string = stage.workspace,
): Promise<Serving> {
  const command = [stage.tool("sandboxed"), "mcp-server", "--listen", "127.0.0.1:0", "--json", ...words];
  const child = stage.startPlain(process.execPath, command, { cwd });
  const { stderr, pid } = child;
  if (stderr === null || pid === undefined) throw new Error("not started");
  let said = "";
  const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const ready = new Promise<{ readonly listening: string; readonly token?: string }>((resolve, reject) => {
    createInterface({ input: stderr }).on("line", (line) => {
      said += `${line}\n`;
      const value: unknown = JSON.parse(line);
      if (isReady(value)) resolve(value);
    });
    void gone.then((status) => reject(new Error(`it ended with ${status}: ${said}`)));
  });
  const { listening, token = "" } = await ready;
  return {
    url: listening,
    token,
    pid,
    said: () => said,
    end(signal = "SIGTERM") {
      child.kill(signal);
      return gone;
    },
  };
}

function isReady(value: unknown): value is { readonly listening: string; readonly token?: string } {
  return typeof value === "object" && value !== null && "listening" in value;
}

export interface Connecting {
  readonly era?: Era;
  /** What the person says; null for a client that cannot ask. */
  readonly reply?: ElicitResult | null;
}

export class HttpClient {
  readonly asked: string[] = [];
  readonly #client: Client;
  readonly #transport: StreamableHTTPClientTransport;

  private constructor(client: Client, transport: StreamableHTTPClientTransport) {
    this.#client = client;
    this.#transport = transport;
  }

  static async connect(url: string, token: string, { era = "legacy", reply = null }: Connecting = {}) {
    const capabilities = reply === null ? {} : { elicitation: { form: {} } };
    const mode = era === "legacy" ? era : { pin: era };
    const client = new Client({ name: "test", version: "0" }, { capabilities, versionNegotiation: { mode } });
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: bearer(token) } });
    const connected = new HttpClient(client, transport);
    if (reply !== null) {
      client.setRequestHandler("elicitation/create", (request) => {
        connected.asked.push(request.params.message);
        return reply;
      });
    }
    await client.connect(transport);
    return connected;
  }

  async call(name: string, given: object = {}, onProgress: (message: string) => void = () => {}): Promise<Answer> {
    const onprogress = ({ message }: Progress): void => onProgress(message ?? "");
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what is not so fails the expectation
    return (await this.#client.callTool({ name, arguments: { ...given } }, { onprogress })) as unknown as Answer;
  }

  get session(): string | undefined {
    return this.#transport.sessionId;
  }

  /** Says goodbye, where the era has words for it. */
  async leave(): Promise<void> {
    await this.#transport.terminateSession();
    await this.#client.close();
  }

  /** Goes without a word. */
  async vanish(): Promise<void> {
    await this.#client.close();
  }
}

export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
