import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Tool {
  readonly name: string;
  readonly [member: string]: unknown;
}

interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: unknown; readonly [name: string]: unknown };
}

export interface Seen {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A server that says what a test wants, in ways that no library would, and remembers what reached it. */
export class Upstream {
  readonly seen: Seen[] = [];
  /** Names of tools that were really called. */
  readonly called: string[] = [];
  /** Streams whose other side went. */
  left = 0;
  tools: readonly Tool[] = tools;
  /** How lists are answered. */
  as: "json" | "events" = "json";
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      this.seen.push({ method: request.method ?? "", headers: request.headers, body });
      if (request.method === "GET") return this.#stream(response, []);
      if (request.method === "DELETE") return void response.writeHead(200).end();
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what tests and the gateway send
      this.#answer(JSON.parse(body) as Message, response);
    });
  });

  async listen(): Promise<this> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return this;
  }

  get url(): string {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  #answer({ id, method, params = {} }: Message, response: ServerResponse): void {
    if (id === undefined || method === undefined) return void response.writeHead(202).end();
    if (method === "tools/list") return this.#result(response, id, { tools: this.tools }, this.as);
    if (method === "tools/call") return this.#call(params.name ?? "", id, response);
    const session = { "mcp-session-id": "s-1", location: "/elsewhere", "access-control-allow-origin": "*" };
    const serverInfo = { name: "upstream", version: "1" };
    const hello = { protocolVersion: params["protocolVersion"], capabilities: { tools: {} }, serverInfo };
    return this.#result(response, id, hello, "json", session);
  }

  #call(name: string, id: string | number, response: ServerResponse): void {
    this.called.push(name);
    const list = { tools: this.tools };
    switch (name) {
      case "elsewhere":
        return void response.writeHead(307, { location: `${this.url}?again` }).end();
      case "silent":
        return void response.once("close", () => (this.left += 1));
      case "endless":
        return this.#stream(response, []);
      case "flood": {
        response.writeHead(200, { "content-type": "application/json" });
        return this.#flood(response, `{"jsonrpc":"2.0","id":${id},"result":{"content":"`);
      }
      case "flood-events": {
        response.writeHead(200, { "content-type": "text/event-stream" });
        return this.#flood(response, `data: {"jsonrpc":"2.0","id":${id},"result":{"content":"`);
      }
      case "flood-lines":
        response.writeHead(200, { "content-type": "text/event-stream" });
        return this.#flood(response, "", `data: ${"x".repeat(1000)}\n`);
      case "html":
        return void response.writeHead(200, { "content-type": "text/html" }).end("<p>{}");
      case "zipped":
        return void response
          .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
          .end("x");
      case "odd":
        return void response
          .writeHead(200, { "content-type": "application/json" })
          .end(`{"jsonrpc":"2.0","id":${id},"result":{},"result":{"tools":[]}}`);
      case "list-as-answer":
        return this.#result(response, String(id), list, "json");
      case "Go":
        return void response
          .writeHead(200, { "content-type": "application/json" })
          .end(JSON.stringify({ jsonrpc: "2.0", id, Result: list }));
      case "events": {
        // Every line break there is, a list among other things, and an event that never ends.
        const listing = JSON.stringify({ jsonrpc: "2.0", id: 77, result: list });
        const half = Math.floor(listing.length / 2);
        const comma = listing.indexOf(",", half) + 1;
        return this.#stream(
          response,
          [
            "\u{feff}: hello\r\n",
            "id: 1\rdata:\r\r",
            `event: message\rdata: ${listing.slice(0, comma)}\rdata:${listing.slice(comma)}\r\r`,
            `id: 2\ndata: {"jsonrpc":"2.0","id":${id},"result":{"content":[]}}\n\n`,
            `data: ${listing}`,
          ],
          true,
        );
      }
      default:
        return this.#result(response, id, { content: [{ type: "text", text: name }] }, "json");
    }
  }

  #result(response: ServerResponse, id: string | number, result: object, as: "json" | "events", more = {}): void {
    const text = JSON.stringify({ jsonrpc: "2.0", id, result });
    if (as === "events") return this.#stream(response, [`data: ${text}\n\n`], true);
    response.writeHead(200, { ...more, "content-type": "application/json" }).end(text);
  }

  #stream(response: ServerResponse, parts: readonly string[], ends = false): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": open\n\n");
    for (const part of parts) response.write(part);
    if (ends) return void response.end();
    const beat = setInterval(() => response.write(": beat\n\n"), 50);
    response.once("close", () => {
      clearInterval(beat);
      this.left += 1;
    });
  }

  #flood(response: ServerResponse, start: string, word = "x"): void {
    const part = word.repeat((1024 * 1024) / word.length);
    let left = 100;
    response.write(start);
    const more = (): void => {
      while (left-- > 0) if (!response.write(part)) return void response.once("drain", more);
      response.end('"}}\n\n');
    };
    response.once("close", () => (this.left += 1));
    more();
  }
}

const schema = { type: "object", properties: { path: { type: "string", "x-mcp-header": "Path" } } };
const names = [
  "read",
  "write",
  "elsewhere",
  "silent",
  "endless",
  "flood",
  "flood-events",
  "flood-lines",
  "html",
  "zipped",
  "odd",
];
const tools = [...names, "list-as-answer", "Go", "events"].map((name) => ({ name, inputSchema: schema }));
