import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

interface Bad {
  readonly url: string;
  /** Bytes that were taken of the answer that has no end. */
  readonly taken: () => number;
  readonly close: () => Promise<void>;
}

const tool = (name: string): object => ({ name, inputSchema: { type: "object" }, annotations: { readOnlyHint: true } });
const still = { content: [{ type: "text", text: "still here" }] };

/** A server over HTTP whose tool `odd` misbehaves as it is told. No library, so that it can. */
export async function startBad(): Promise<Bad> {
  let taken = 0;
  const megabyte = Buffer.alloc(1024 * 1024, "x");

  /** A hundred megabytes, as far as somebody reads them. */
  async function flood(response: ServerResponse): Promise<void> {
    let wake = (): void => {};
    for (const event of ["drain", "close"]) response.on(event, () => wake());
    for (let at = 0; at < 100 && !response.destroyed; at++) {
      if (!response.write(megabyte)) {
        // oxlint-disable-next-line no-await-in-loop -- as fast as it is read
        await new Promise<void>((go) => (wake = go));
      }
      taken = response.socket?.bytesWritten ?? taken;
    }
    response.end();
  }

  function odd(id: number, how: string, response: ServerResponse): void {
    const result = (value: unknown, as: unknown = id): string =>
      JSON.stringify({ jsonrpc: "2.0", id: as, result: value });
    const json = (body: string): void => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(body);
    };
    const stream = (...events: readonly string[]): void => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const event of events) response.write(`event: message\ndata: ${event}\n\n`);
    };
    const deep = `${"[".repeat(5000)}${"]".repeat(5000)}`;
    switch (how) {
      case "good":
        return json(result(still));
      case "hang":
        return;
      case "close":
        return void response.socket?.destroy();
      case "cut":
        stream();
        return void response.socket?.destroy();
      case "deep":
        return json(`{"jsonrpc":"2.0","id":${id},"result":${deep}}`);
      case "twice":
        return json(`{"jsonrpc":"2.0","id":${id},"id":${id},"result":{"content":[]}}`);
      case "large":
        response.writeHead(200, { "content-type": "application/json" });
        return void flood(response);
      case "error page":
        response.writeHead(500, { "content-type": "text/html" });
        return void flood(response);
      case "large event":
        stream();
        response.write("data: ");
        return void flood(response);
      case "odd events":
        return stream(
          "what is this",
          `{"jsonrpc":"2.0","id":987654,"result":{"content":[]}}`,
          `{"jsonrpc":"2.0","id":${id},"id":${id},"result":{"content":[]}}`,
          `{"jsonrpc":"2.0","id":${id},"result":${deep}}`,
          result(still),
        );
      case "flood of odd events":
        return stream(...Array.from({ length: 1000 }, () => "what is this"));
      case "asks":
        return stream(...Array.from({ length: 1000 }, (_, at) => `{"jsonrpc":"2.0","id":"p${at}","method":"ping"}`));
      case "tells":
        return stream(
          ...Array.from({ length: 2000 }, () => '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}'),
          result(still),
        );
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const { id, method, params = {} } = JSON.parse(await text(request));
    const say = (result: object): void => {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
    };
    if (method === "initialize") {
      const serverInfo = { name: "bad", version: "1" };
      return say({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo });
    }
    if (method === "tools/list") return say({ tools: [tool("odd")] });
    if (method === undefined) return; // an answer to a question, which is left where it is
    if (method === "tools/call") return odd(id, params.arguments.how, response);
    response.writeHead(202).end();
  }

  const server = createServer((request, response) => {
    response.on("error", () => {});
    void answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    taken: () => taken,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
