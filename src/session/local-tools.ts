import { didYouMean, escapeText } from "../policy/index.ts";
import { SessionError } from "./error.ts";
import type { Json, JsonObject } from "./json.ts";
import type { ToolContext, ToolDescription, ToolRegistry, ToolResult } from "./tools.ts";

/** A function of the host that a session may call. What it returns becomes the tool's structured result. */
export interface LocalTool extends ToolDescription {
  readonly run: (given: JsonObject, context: ToolContext) => Promise<Json | ToolResult> | Json | ToolResult;
}

/** Tools that are functions of this process. Errors: `conflict` for two with one name. */
export function localTools(tools: readonly LocalTool[]): ToolRegistry {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  if (byName.size !== tools.length) throw new SessionError("conflict", "two tools have the same name");
  const list = tools.map(({ run: _, ...description }) => description);
  return {
    list: () => Promise.resolve(list),
    async call(name, given, context) {
      const tool = byName.get(name);
      if (tool === undefined) {
        throw new SessionError("not_found", `there is no tool ${escapeText(name)}${didYouMean(name, byName.keys())}`);
      }
      return asResult(await tool.run(given, context));
    },
  };
}

/** Several registries as one. A name in two of them is nobody's: calls of it are refused. */
export function allTools(registries: readonly ToolRegistry[]): ToolRegistry {
  const [only, another] = registries;
  if (only !== undefined && another === undefined) return only;
  let lists: readonly (readonly ToolDescription[])[] = [];
  let merged: readonly ToolDescription[] = [];
  let owners = new Map<string, ToolRegistry | null>();
  const look = async (): Promise<void> => {
    const now = await Promise.all(registries.map((registry) => registry.list()));
    if (now.every((list, at) => list === lists[at])) return;
    const found = new Map<string, ToolRegistry | null>();
    for (const [at, list] of now.entries()) {
      for (const { name } of list) found.set(name, found.has(name) ? null : (registries[at] ?? null));
    }
    lists = now;
    owners = found;
    merged = now.flat().filter(({ name }) => found.get(name) !== null);
  };
  return {
    async list() {
      await look();
      return merged;
    },
    async resolve(name) {
      await look();
      if (owners.has(name)) return name;
      for (const registry of registries) {
        if (registry.resolve === undefined) continue;
        try {
          return await registry.resolve(name);
        } catch (error) {
          if (!(error instanceof SessionError) || error.code !== "not_found") throw error;
        }
      }
      return name;
    },
    async whyNot(name) {
      const all = await Promise.all(registries.map(async (registry) => registry.whyNot?.(name)));
      return all.find((why) => why != null) ?? null;
    },
    async call(name, given, context) {
      await look();
      const owner = owners.get(name);
      if (owner == null) {
        const why =
          owner === null
            ? `more than one registry has a tool ${escapeText(name)}`
            : `there is no tool ${escapeText(name)}`;
        throw new SessionError(owner === null ? "conflict" : "not_found", why);
      }
      return owner.call(name, given, context);
    },
  };
}

function asResult(value: Json | ToolResult): ToolResult {
  if (isResult(value)) return value;
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  const isPlain = value === null || typeof value !== "object" || Array.isArray(value);
  const structured: JsonObject = isPlain
    ? { result: value ?? null }
    : // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Array.isArray` leaves readonly arrays in the type
      (value as JsonObject);
  return { content: [{ type: "text", text }], structuredContent: structured, isError: false };
}

function isResult(value: Json | ToolResult): value is ToolResult {
  return (
    value !== null &&
    typeof value === "object" &&
    !Array.isArray(value) &&
    "content" in value &&
    Array.isArray(value["content"]) &&
    "isError" in value &&
    typeof value["isError"] === "boolean"
  );
}
