import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { createMcpHandler, inputRequired, McpServer } from "@modelcontextprotocol/server";
import type { InputRequests } from "@modelcontextprotocol/server";
import { z } from "zod";

export interface Listening {
  readonly url: string;
  readonly port: number;
  readonly close: () => Promise<void>;
}

const everything = new URL("../../node_modules/@modelcontextprotocol/server-everything/dist/index.js", import.meta.url)
  .pathname;

/** The reference server of the handshake's era, as its authors publish it. */
export async function startEverything(port = 0): Promise<Listening> {
  const chosen = port === 0 ? await freePort() : port;
  const child = spawn(process.execPath, [everything, "streamableHttp"], {
    env: { ...process.env, PORT: String(chosen) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const gone = once(child, "exit");
  for await (const words of child.stderr) if (String(words).includes("listening")) break;
  return {
    url: `http://127.0.0.1:${chosen}/mcp`,
    port: chosen,
    async close() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}

export type Answer = (request: Request) => Promise<Response>;

/** A tool that asks these, and shows what it was answered. */
function asksFirst(server: McpServer, name: string, description: string, inputRequests: InputRequests): void {
  server.registerTool(name, { description, annotations: { readOnlyHint: true } }, ({ mcpReq: { inputResponses } }) =>
    inputResponses === undefined
      ? inputRequired({ inputRequests })
      : { content: [], structuredContent: { ...inputResponses } },
  );
}

/** A server of the era without a handshake, on the official SDK; legacy clients are refused. */
export async function startModern(): Promise<Listening> {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: "modern", version: "1.0.0" });
      server.registerTool(
        "echo",
        { description: "Says it again.", inputSchema: z.object({ message: z.string() }) },
        ({ message }) => ({ content: [{ type: "text", text: `Modern: ${message}` }] }),
      );
      asksFirst(server, "ask", "Asks two things.", {
        word: inputRequired.elicit({
          message: "Which word?",
          requestedSchema: { type: "object", properties: { word: { type: "string" } } },
        }),
        page: inputRequired.elicitUrl({ message: "Sign in.", url: "https://login.example/" }),
      });
      asksFirst(server, "consult", "Asks a model, and for folders.", {
        answer: inputRequired.createMessage({
          messages: [{ role: "user", content: { type: "text", text: "Which?" } }],
          maxTokens: 10,
        }),
        roots: inputRequired.listRoots(),
      });
      return server;
    },
    { legacy: "reject" },
  );
  const listening = await listen((request) => handler.fetch(request));
  return {
    ...listening,
    async close() {
      await handler.close();
      await listening.close();
    },
  };
}

/** Whatever `answer` says, on a port of the loopback address. */
export async function listen(answer: Answer): Promise<Listening> {
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk);
      const headers = new Headers();
      for (const [name, values = []] of Object.entries(incoming.headersDistinct)) {
        for (const value of values) headers.append(name, value);
      }
      const response = await answer(
        new Request(`http://${incoming.headers.host}${incoming.url}`, {
          method: incoming.method ?? "GET",
          headers,
          body: chunks.length === 0 ? null : Buffer.concat(chunks),
        }),
      );
      outgoing.writeHead(response.status, [...response.headers].flat());
      if (response.body === null) outgoing.end();
      else Readable.fromWeb(response.body).pipe(outgoing);
    })();
  });
  // On a busy machine five seconds pass between two requests, and the second would meet the end of its connection.
  server.keepAliveTimeout = 60_000;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a listener on a port has such an address
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export async function freePort(): Promise<number> {
  const { port, close } = await listen(() => Promise.resolve(new Response()));
  await close();
  return port;
}
