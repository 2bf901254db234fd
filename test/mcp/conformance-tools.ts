import { randomBytes } from "node:crypto";
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  inputRequired,
  fromJsonSchema,
  inputResponse,
} from "@modelcontextprotocol/server";
import type { CallToolResult, InputRequest, McpServer, ServerContext } from "@modelcontextprotocol/server";
import { setTimeout } from "node:timers/promises";
import { z } from "zod";

/** One red pixel, and a sound of no length. */
export const image = {
  type: "image",
  mimeType: "image/png",
  data: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==",
} as const;
const audio = {
  type: "audio",
  mimeType: "audio/wav",
  data: "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=",
} as const;

const words = (text: string) => ({ type: "text" as const, text });
const said = (text: string): CallToolResult => ({ content: [words(text)] });
const resource = (uri: string, mimeType: string, text: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType, text },
});
const codec = createRequestStateCodec<{ readonly round: number }>({ key: randomBytes(32), ttlSeconds: 60 });

export const requestState = {
  verify: (state: string, context: ServerContext) => codec.verify(state, context),
};

/** The tools that the conformance suite calls, as its scenarios describe them. */
export function registerTools(server: McpServer): void {
  const tool = (
    name: string,
    act: (context: ServerContext) => CallToolResult | Promise<CallToolResult | ReturnType<typeof inputRequired>>,
  ): void => void server.registerTool(name, { description: name }, act);

  tool("test_simple_text", () => said("This is a simple text response for testing."));
  tool("test_image_content", () => ({ content: [image] }));
  tool("test_audio_content", () => ({ content: [audio] }));
  tool("test_embedded_resource", () => ({
    content: [resource("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  }));
  tool("test_multiple_content_types", () => ({
    content: [
      words("Multiple content types test:"),
      image,
      resource("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  }));
  tool("test_tool_with_logging", async ({ mcpReq }) => {
    for (const step of ["Tool execution started", "Tool processing data", "Tool execution completed"]) {
      await mcpReq.log("info", step);
      await setTimeout(50);
    }
    return said("logged");
  });
  tool("test_tool_with_progress", async ({ mcpReq }) => {
    const { _meta: meta } = mcpReq;
    for (const progress of [0, 50, 100]) {
      const params = { progress, total: 100, progressToken: meta?.progressToken ?? 0 };
      if (meta?.progressToken !== undefined) await mcpReq.notify({ method: "notifications/progress", params });
      await setTimeout(50);
    }
    return said("done");
  });
  tool("test_error_handling", () => {
    throw new Error("This tool intentionally returns an error for testing");
  });
  tool("test_reconnection", async ({ http }) => {
    http?.closeSSE?.();
    await setTimeout(100);
    return said("found again");
  });
  registerAsking(server);
  registerRounds(tool);
  const schema = fromJsonSchema(schemaOfToday);
  server.registerTool("json_schema_2020_12_tool", { description: "Takes a form.", inputSchema: schema }, () =>
    said("taken"),
  );
  server.registerTool(
    "test_x_mcp_header",
    {
      description: "Takes a header.",
      inputSchema: z.object({ region: z.string().meta({ "x-mcp-header": "Region" }) }),
    },
    ({ region }) => said(region),
  );
}

/**
 * What asks its client in the course of a call: the era with a handshake. On the stream of that call (`send`): another may
 * not be open yet, and what is sent there is lost.
 */
function registerAsking(server: McpServer): void {
  server.registerTool(
    "test_sampling",
    { description: "Asks a model.", inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, { mcpReq }) => {
      const messages = [{ role: "user" as const, content: words(prompt) }];
      const { content } = await mcpReq.send({ method: "sampling/createMessage", params: { messages, maxTokens: 100 } });
      return said(`LLM response: ${JSON.stringify(content)}`);
    },
  );
  const text = { type: "string" as const };
  server.registerTool(
    "test_elicitation",
    { description: "Asks a person.", inputSchema: z.object({ message: z.string() }) },
    async ({ message }, { mcpReq }) => {
      const properties = { username: text, email: text };
      const requestedSchema = { type: "object" as const, properties, required: ["username", "email"] };
      const { action, content } = await mcpReq.send({
        method: "elicitation/create",
        params: { message, requestedSchema },
      });
      return said(`User response: ${action}, ${JSON.stringify(content)}`);
    },
  );
  const forms: Readonly<Record<string, Record<string, object>>> = {
    test_elicitation_sep1034_defaults: {
      name: { type: "string", default: "John Doe" },
      age: { type: "integer", default: 30 },
      score: { type: "number", default: 95.5 },
      status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
      verified: { type: "boolean", default: true },
    },
    test_elicitation_sep1330_enums: {
      untitledSingle: { type: "string", enum: ["option1", "option2", "option3"] },
      titledSingle: { type: "string", oneOf: titled(["value1", "value2", "value3"]) },
      legacyEnum: { type: "string", enum: ["opt1", "opt2"], enumNames: ["Option One", "Option Two"] },
      untitledMulti: { type: "array", items: { type: "string", enum: ["option1", "option2", "option3"] } },
      titledMulti: { type: "array", items: { anyOf: titled(["value1", "value2", "value3"]) } },
    },
  };
  for (const [name, properties] of Object.entries(forms)) {
    server.registerTool(name, { description: "Asks a person." }, async ({ mcpReq }) => {
      const requestedSchema = { type: "object" as const, properties };
      const params = { message: "Fill this in.", requestedSchema };
      const { action, content } = await mcpReq.send({ method: "elicitation/create", params });
      return said(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`);
    });
  }
}

function titled(values: readonly string[]): readonly object[] {
  return values.map((value) => ({ const: value, title: `The ${value}` }));
}

/** With words of JSON Schema 2020-12 that have to come out as they are. */
const schemaOfToday = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object" as const,
  $defs: {
    address: {
      $anchor: "addressDef",
      type: "object",
      properties: { street: { type: "string" }, city: { type: "string" } },
    },
  },
  properties: {
    name: { type: "string" },
    address: { $ref: "#/$defs/address" },
    contactMethod: { type: "string", enum: ["phone", "email"] },
    phone: { type: "string" },
    email: { type: "string" },
  },
  allOf: [{ anyOf: [{ required: ["phone"] }, { required: ["email"] }] }],
  if: { properties: { contactMethod: { const: "phone" } }, required: ["contactMethod"] },
  // oxlint-disable-next-line unicorn/no-thenable -- a word of JSON Schema
  then: { required: ["phone"] },
  else: { required: ["email"] },
  additionalProperties: false,
};

type Round = (
  name: string,
  act: (context: ServerContext) => Promise<CallToolResult | ReturnType<typeof inputRequired>>,
) => void;

const ask = (message: string, property: string, type: "string" | "boolean" = "string"): InputRequest =>
  inputRequired.elicit({
    message,
    requestedSchema: {
      type: "object",
      properties: { [property]: type === "string" ? { type } : { type } },
      required: [property],
    },
  });
const sample = (text: string, maxTokens: number): InputRequest =>
  inputRequired.createMessage({ messages: [{ role: "user", content: words(text) }], maxTokens });

/** What asks by its answer, and is called once more: the era without a handshake. */
function registerRounds(tool: Round): void {
  const mint = (round: number, context: ServerContext): Promise<string> => codec.mint({ round }, context);

  tool("test_input_required_result_elicitation", async ({ mcpReq }) => {
    const name = acceptedContent(mcpReq.inputResponses, "user_name")?.["name"];
    return typeof name === "string"
      ? said(`Hello, ${name}!`)
      : inputRequired({ inputRequests: { user_name: ask("What is your name?", "name") } });
  });
  tool("test_input_required_result_sampling", async ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, "capital_question");
    return answer.kind === "missing"
      ? inputRequired({ inputRequests: { capital_question: sample("What is the capital of France?", 100) } })
      : said(JSON.stringify(answer));
  });
  // The SDK refuses for a client that has not said that it can be asked so.
  tool("test_missing_capability", async () => inputRequired({ inputRequests: { greeting: sample("Hello", 50) } }));
  tool("test_streaming_elicitation", async ({ mcpReq }) =>
    acceptedContent(mcpReq.inputResponses, "name") === undefined
      ? inputRequired({ inputRequests: { name: ask("What is your name?", "name") } })
      : said("streamed"),
  );
  tool("test_logging_tool", async ({ mcpReq }) => {
    await mcpReq.log("info", "at work");
    return said("logged");
  });
  tool("test_input_required_result_list_roots", async ({ mcpReq }) => {
    const answer = inputResponse(mcpReq.inputResponses, "client_roots");
    return answer.kind === "missing"
      ? inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
      : said(JSON.stringify(answer));
  });
  for (const name of ["request_state", "tampered_state"]) {
    tool(`test_input_required_result_${name}`, async (context) => {
      if (context.mcpReq.requestState() !== undefined) return said("state-ok");
      const inputRequests = { confirm: ask("Please confirm", "ok", "boolean") };
      return inputRequired({ inputRequests, requestState: await mint(1, context) });
    });
  }
  tool("test_input_required_result_multiple_inputs", async (context) => {
    if (context.mcpReq.requestState() !== undefined) return said("all of them");
    const inputRequests = {
      user_name: ask("What is your name?", "name"),
      greeting: sample("Generate a greeting", 50),
      client_roots: inputRequired.listRoots(),
    };
    return inputRequired({ inputRequests, requestState: await mint(1, context) });
  });
  tool("test_input_required_result_multi_round", async (context) => {
    const round = context.mcpReq.requestState<{ readonly round: number }>()?.round ?? 0;
    if (round === 2) return said("after two rounds");
    const inputRequests =
      round === 0
        ? { step1: ask("Step 1: What is your name?", "name") }
        : { step2: ask("Step 2: What is your favorite color?", "color") };
    return inputRequired({ inputRequests, requestState: await mint(round + 1, context) });
  });
  tool("test_input_required_result_capabilities", async ({ mcpReq }) => {
    const envelope: Readonly<Record<string, object | undefined>> = { ...mcpReq.envelope };
    const declared = envelope[CLIENT_CAPABILITIES_META_KEY] ?? {};
    return inputRequired({
      inputRequests: {
        ...("elicitation" in declared && { name: ask("What is your name?", "name") }),
        ...("sampling" in declared && { greeting: sample("Generate a greeting", 50) }),
      },
    });
  });
}
