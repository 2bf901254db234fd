import type { CreateMessageRequestParams, CreateMessageResult } from "@modelcontextprotocol/client";
import type { JsonObject, Reply, ToolQuestion } from "../session/index.ts";
import { textOf } from "./content.ts";

/**
 * Has whoever answers for a session say what a model would: a host that has one, or a person. The server's text comes
 * from outside: it is escaped where it is shown, and a host treats it as what a stranger wrote. Rejects when nobody answers.
 */
export type Sample = (
  server: string,
  params: CreateMessageRequestParams,
  signal: AbortSignal,
) => Promise<CreateMessageResult>;

/** The fields of a reply. */
const schema: JsonObject = {
  type: "object",
  properties: {
    text: { type: "string", title: "what a model answers" },
    model: { type: "string", title: "its name", default: "unknown" },
  },
  required: ["text"],
};

export function samplingQuestion(server: string, params: CreateMessageRequestParams): ToolQuestion {
  const { messages, systemPrompt, maxTokens, stopSequences, temperature } = params;
  const data: JsonObject = {
    ...(systemPrompt !== undefined && { system: systemPrompt }),
    messages: messages.map(({ role, content }) => ({ role, text: [content].flat().map(textOf).join("\n") })),
    "tokens at most": maxTokens,
    ...(stopSequences !== undefined && { "ends at": stopSequences }),
    ...(temperature !== undefined && { temperature }),
  };
  return { kind: "checkpoint", text: `MCP server ${server} asks what a model would answer`, data, schema };
}

/** Errors: the code of the protocol's own example for a person who says no. */
export function samplingAnswer(reply: Reply | null): CreateMessageResult {
  if (reply === null || !reply.approve) {
    const why = reply === null ? "nobody answered" : "the request was declined";
    throw Object.assign(new Error(why), { code: DECLINED });
  }
  const { text, model } = reply.content;
  return {
    role: "assistant",
    content: { type: "text", text: typeof text === "string" ? text : "" },
    model: typeof model === "string" ? model : "unknown",
    stopReason: "endTurn",
  };
}

const DECLINED = -1;
