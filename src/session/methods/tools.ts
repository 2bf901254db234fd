import { askQuestion } from "../call/asking.ts";
import type { CapabilityText } from "../capability/text.ts";
import { SessionError } from "../error.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Call, MethodDefinition } from "../method.ts";
import { Params } from "../params.ts";
import type { ToolContext, ToolDescription } from "../tools.ts";
import { searchTools } from "./search.ts";

/** A token for somebody who works for an open call. */
export type Delegate = (call: Call, capabilities: readonly CapabilityText[]) => string;

const MOST_FOUND = 100;
const USUALLY_FOUND = 10;

/** `session.tools`, `session.search_tools` and `session.tool`: what the holder may call, and nothing else. */
export function toolMethods(delegate: Delegate): readonly MethodDefinition[] {
  return [
    {
      name: "session.tools",
      capability: "tools",
      isFree: true,
      subjectsOf(params) {
        void new Params("session.tools", params, []);
        return [];
      },
      async handle(call, { tools }) {
        return { tools: (await tools.list()).filter(({ name }) => call.covers(name)).map(shown) };
      },
    },
    {
      name: "session.search_tools",
      capability: "tools",
      isFree: true,
      subjectsOf(params) {
        searchParams(params);
        return [];
      },
      async handle(call, { tools }) {
        const { query, limit } = searchParams(call.params);
        const covered = (await tools.list()).filter(({ name }) => call.covers(name));
        return { tools: searchTools(covered, query, limit).map(shown) };
      },
    },
    {
      name: "session.tool",
      capability: "tools",
      acts: "batched",
      subjectsOf(params, { tools }) {
        const name = toolParams(params).text("name", 256);
        return tools.resolve === undefined ? [name] : tools.resolve(name).then((listed) => [listed]);
      },
      async handle(call, context) {
        const { tools, waits } = context;
        const given = toolParams(call.params);
        const [name = ""] = call.subjects;
        const tool = (await tools.list()).find((each) => each.name === name);
        if (tool === undefined) {
          const hint = "session.tools lists those that may be called";
          throw (await tools.whyNot?.(name)) ?? new SessionError("not_found", `there is no tool ${name}`, { hint });
        }
        const release = tool.isExclusive === true ? await waits.take(name, call.asWaiting(), call.signal) : null;
        try {
          call.requireOpen();
          const meta = given.any("_meta") === null ? null : given.object("_meta");
          return await tools.call(name, given.object("arguments"), {
            get signal() {
              return call.signal;
            },
            session: context.id,
            call: call.id,
            holder: call.holder.id,
            acceptsImages: call.acceptsImages,
            meta,
            progress: progressFor(call, meta?.["progressToken"]),
            ask: (question, withdraw) => {
              const signal = withdraw === undefined ? call.signal : AbortSignal.any([call.signal, withdraw]);
              const whole = { data: null, diff: null, schema: null, timeout: null, ...question };
              return askQuestion(context, { ...whole, holder: call.holder.id, call: call.id }, signal);
            },
            delegate: (capabilities) => delegate(call, capabilities),
          });
        } finally {
          release?.();
        }
      },
    },
  ];
}

/** More is nothing to show while somebody waits. */
const LONGEST_MESSAGE = 1000;

function progressFor(call: Call, token: Json | undefined): ToolContext["progress"] {
  if (typeof token !== "string" && typeof token !== "number") return null;
  return ({ progress, total, message }) =>
    call.progress({
      progressToken: token,
      progress,
      ...(total !== undefined && { total }),
      ...(message !== undefined && { message: message.slice(0, LONGEST_MESSAGE) }),
    });
}

function toolParams(params: JsonObject): Params {
  return new Params("session.tool", params, ["name", "arguments", "_meta"]);
}

function searchParams(params: JsonObject): { readonly query: string; readonly limit: number } {
  const given = new Params("session.search_tools", params, ["query", "limit"]);
  return { query: given.text("query", 1000), limit: given.count("limit", MOST_FOUND) ?? USUALLY_FOUND };
}

function shown({ isExclusive: _, ...tool }: ToolDescription): Json {
  return tool;
}
