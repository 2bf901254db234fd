import { createInterface } from "node:readline";
import { request } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { Stage } from "../stage/index.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  /** Instead of those that a client sends; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
}

/** `sandboxed mcp gateway --listen`, and a client of few words, so that it can say what no library would. */
export class GatewayProcess {
  readonly port: number;
  readonly token: string;
  /** Its status; null where a signal ended it. */
  readonly gone: Promise<number | null>;
  readonly #kill: () => void;
  readonly said: readonly string[];

  static async start(stage: Stage, words: readonly string[], requirements = ""): Promise<GatewayProcess> {
    const all = [stage.tool("sandboxed"), "mcp", "gateway", "--listen", "127.0.0.1:0", "--json", ...words];
    const child = stage.startPlain(process.execPath, all, {
      stdio: ["ignore", "pipe", "pipe"],
      environment: { SANDBOXED_REQUIREMENTS_BASE64: Buffer.from(requirements).toString("base64") },
    });
    const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
    if (child.stderr === null) throw new Error("no output");
    const said: string[] = [];
    const lines = createInterface({ input: child.stderr });
    const first = await new Promise<string>((resolve, reject) => {
      lines.on("line", (line) => {
        said.push(line);
        resolve(line);
      });
      lines.once("close", () => reject(new Error("the gateway ended")));
    });
    return new GatewayProcess(first, said, gone, () => void child.kill("SIGTERM"));
  }

  private constructor(first: string, said: readonly string[], gone: Promise<number | null>, kill: () => void) {
    const { listening, token }: { readonly listening?: string; readonly token?: string } = JSON.parse(first);
    if (listening === undefined || token === undefined) throw new Error(first);
    this.port = Number(new URL(listening).port);
    this.token = token;
    this.said = said;
    this.gone = gone;
    this.#kill = kill;
  }

  stop(): Promise<number | null> {
    this.#kill();
    return this.gone;
  }

  /** The answer once its head is there. */
  open(
    body: string | Buffer | null,
    { method = "POST", path = "/mcp", headers = {} }: Asked = {},
  ): Promise<IncomingMessage> {
    const usual: Record<string, string> = {
      authorization: `Bearer ${this.token}`,
      accept: "application/json, text/event-stream",
      ...(body !== null && { "content-type": "application/json" }),
    };
    const all: OutgoingHttpHeaders = {};
    for (const [name, value] of Object.entries({ ...usual, ...headers })) {
      if (value !== null) all[name] = typeof value === "string" ? value : [...value];
    }
    return new Promise((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port: this.port, method, path, headers: all, agent: false });
      asked.once("response", resolve).once("error", reject);
      asked.end(body ?? undefined);
    });
  }

  async ask(body: string | Buffer | null, asked: Asked = {}): Promise<Answer> {
    const answer = await this.open(body, asked);
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text: Buffer.concat(chunks).toString("utf8") };
  }

  call(name: string, given: object = {}, asked: Asked = {}): Promise<Answer> {
    return this.ask(callText(name, given), asked);
  }
}

export function callText(name: string, given: object = {}, id: number | string = 1): string {
  return JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: given } });
}
