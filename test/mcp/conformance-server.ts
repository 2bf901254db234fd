import { randomUUID } from "node:crypto";
import {
  acceptedContent,
  completable,
  createMcpHandler,
  inputRequired,
  isInitializeRequest,
  isLegacyRequest,
  McpServer,
  ResourceTemplate,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import type { EventStore, JSONRPCMessage } from "@modelcontextprotocol/server";
import { z } from "zod";
import { image, registerTools, requestState } from "./conformance-tools.ts";
import { listen } from "./http-servers.ts";
import type { Listening } from "./http-servers.ts";

/** A server on the official SDK with everything that the conformance suite asks for, in both eras of the protocol. */
export async function startConformanceServer(): Promise<Listening> {
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const begin = async (): Promise<WebStandardStreamableHTTPServerTransport> => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
      eventStore: eventStore(),
      retryInterval: 300,
    });
    await makeServer().connect(transport);
    return transport;
  };
  const modern = createMcpHandler(makeServer, { legacy: "reject" });
  const listening = await listen(async (request) => {
    const body: unknown = request.method === "POST" ? await request.clone().json() : undefined;
    if (request.method === "POST" && !(await isLegacyRequest(request, body))) return modern.fetch(request);
    const id = request.headers.get("mcp-session-id");
    const known = id === null ? null : (sessions.get(id) ?? null);
    if (known === null && id !== null) return new Response(null, { status: 404 });
    if (known === null && !isInitializeRequest(body)) return new Response(null, { status: 400 });
    return (known ?? (await begin())).handleRequest(request, { parsedBody: body });
  });
  return {
    ...listening,
    async close() {
      await modern.close();
      await Promise.all([...sessions.values()].map((transport) => transport.close()));
      await listening.close();
    },
  };
}

function eventStore(): EventStore {
  const events: { readonly stream: string; readonly message: JSONRPCMessage }[] = [];
  return {
    storeEvent: (stream, message) => Promise.resolve(`${events.push({ stream, message }) - 1}`),
    async replayEventsAfter(last, { send }) {
      const stream = events[Number(last)]?.stream ?? "";
      for (const [index, event] of events.entries()) {
        const isEmpty = Object.keys(event.message).length === 0;
        if (index > Number(last) && event.stream === stream && !isEmpty) await send(String(index), event.message);
      }
      return stream;
    },
  };
}

function makeServer(): McpServer {
  const server = new McpServer(
    { name: "conformance", version: "1.0.0" },
    {
      capabilities: { logging: {}, completions: {}, tools: { listChanged: true }, resources: { subscribe: true } },
      requestState,
    },
  );
  registerTools(server);
  registerResources(server);
  registerPrompts(server);
  server.server.setRequestHandler("resources/subscribe", () => ({}));
  server.server.setRequestHandler("resources/unsubscribe", () => ({}));
  return server;
}

function registerResources(server: McpServer): void {
  const at = (name: string, uri: string, mimeType: string, content: { text: string } | { blob: string }): void =>
    void server.registerResource(name, uri, { description: name, mimeType }, () => ({
      contents: [{ uri, mimeType, ...content }],
    }));
  at("text", "test://static-text", "text/plain", { text: "This is the content of the static text resource." });
  at("binary", "test://static-binary", image.mimeType, { blob: image.data });
  at("watched", "test://watched-resource", "text/plain", { text: "Watched." });
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined });
  server.registerResource("template", template, { mimeType: "application/json" }, (uri, { id }) => {
    const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` });
    return { contents: [{ uri: uri.href, mimeType: "application/json", text }] };
  });
}

function registerPrompts(server: McpServer): void {
  const user = (text: string) => ({ role: "user" as const, content: { type: "text" as const, text } });
  const description = "A prompt.";
  server.registerPrompt("test_simple_prompt", { description }, () => ({
    messages: [user("This is a simple prompt for testing.")],
  }));
  const argument = completable(z.string(), (start) => ["paris", "park"].filter((word) => word.startsWith(start)));
  server.registerPrompt(
    "test_prompt_with_arguments",
    { description, argsSchema: z.object({ arg1: argument, arg2: z.string() }) },
    ({ arg1, arg2 }) => ({ messages: [user(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)] }),
  );
  server.registerPrompt(
    "test_prompt_with_embedded_resource",
    { description, argsSchema: z.object({ resourceUri: z.string() }) },
    ({ resourceUri: uri }) => {
      const resource = { uri, mimeType: "text/plain", text: "Embedded resource content for testing." };
      const embedded = { role: "user" as const, content: { type: "resource" as const, resource } };
      return { messages: [embedded, user("Please process the embedded resource above.")] };
    },
  );
  server.registerPrompt("test_prompt_with_image", { description }, () => ({
    messages: [{ role: "user", content: image }, user("Please analyze the image above.")],
  }));
  server.registerPrompt("test_input_required_result_prompt", { description }, ({ mcpReq }) => {
    const context = acceptedContent(mcpReq.inputResponses, "user_context")?.["context"];
    if (typeof context === "string") return { messages: [user(context)] };
    const properties = { context: { type: "string" as const } };
    const requestedSchema = { type: "object" as const, properties, required: ["context"] };
    const message = "What context should the prompt use?";
    return inputRequired({ inputRequests: { user_context: inputRequired.elicit({ message, requestedSchema }) } });
  });
}
