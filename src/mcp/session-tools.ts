import { randomUUID } from "node:crypto";
import { SandboxedError } from "../policy/index.ts";
import { SessionError } from "../session/index.ts";
import type { JsonObject, ToolContext, ToolDescription, ToolRegistry, ToolResult } from "../session/index.ts";
import { isTable } from "./catalogue.ts";
import type { SessionQuestions } from "./session-questions.ts";
import { withoutMedia } from "./content.ts";
import { refuseOther } from "./member.ts";
import { modelNames, resolveToolName, scriptName } from "./names.ts";
import { hiddenCharacters, visible } from "./rules/hidden.ts";
import { plainText } from "./server-error.ts";
import type { McpServers, OfferedTool } from "./servers.ts";

/**
 * The tools of all servers, for a session's programs. Whoever answers for the session is asked about risky calls, and
 * what a server asks while it works where its questions go to `questions`.
 */
export function sessionTools(servers: McpServers, questions: SessionQuestions | null): ToolRegistry {
  let listed: { readonly generation: number; readonly tools: readonly ToolDescription[] } | null = null;
  return {
    async list() {
      const offered = await servers.tools();
      if (listed?.generation === servers.generation && listed.tools.length === offered.length) return listed.tools;
      const models = new Map(
        [...modelNames(offered.map(({ ref }) => ref))].map(([name, ref]) => [scriptName(ref), name]),
      );
      listed = { generation: servers.generation, tools: offered.map((tool) => describe(tool, models)) };
      return listed.tools;
    },
    async resolve(name) {
      // What is named in full is waited for; the others only as long as nobody minds.
      await servers.absence(name);
      const tools = (await servers.tools()).map(({ ref }) => ref);
      try {
        return scriptName(resolveToolName(name, servers.names, tools));
      } catch (error) {
        // What is no tool is refused by its own name, after it was asked whether it was granted.
        if (error instanceof SandboxedError && isAbsent(error)) return name;
        throw asSessionError(error);
      }
    },
    async whyNot(name) {
      const absence = await servers.absence(name);
      return absence === null ? null : asSessionError(absence);
    },
    async call(name, given, context) {
      try {
        const tool = await servers.find(name);
        if (tool.needsApproval) {
          await ask(tool, given, context);
          // What was shown is what is called.
          refuseOther(tool.ref, tool.definition, (await servers.find(name)).definition);
        }
        const { signal, progress } = context;
        const options = { signal, ...(progress !== null && { onProgress: progress }) };
        const act = (): Promise<unknown> => servers.call(tool, given, metaOf(context), options);
        const result = await (questions?.during(tool.ref.server, context, act) ?? act());
        return asResult(context.acceptsImages ? result : withoutMedia(result));
      } catch (error) {
        throw asSessionError(error);
      }
    },
  };
}

function describe(
  { ref, definition, needsApproval }: OfferedTool,
  models: ReadonlyMap<string, string>,
): ToolDescription {
  const name = scriptName(ref);
  const hidden = hiddenCharacters(definition);
  const { title, description, inputSchema, outputSchema, annotations } = definition;
  const extra = {
    modelName: models.get(name) ?? name,
    needsApproval,
    ...(hidden.length > 0 && { hiddenCharacters: [...hidden] }),
  };
  return {
    ...extra,
    name,
    ...(typeof title === "string" && { title: visible(title) }),
    ...(typeof description === "string" && { description: visible(description) }),
    ...(isJson(inputSchema) && { inputSchema }),
    ...(isJson(outputSchema) && { outputSchema }),
    ...(isJson(annotations) && { annotations }),
  };
}

/** The caller's own `_meta` as it is, and whose call it is. */
function metaOf({ meta, session, call }: ToolContext): Readonly<Record<string, unknown>> {
  return { ...meta, "x-sandboxed-session": { session, call, trace: randomUUID() } };
}

async function ask({ ref, definition }: OfferedTool, given: JsonObject, context: ToolContext): Promise<void> {
  const name = scriptName(ref);
  const text = `Call ${name}${definition.description === undefined ? "" : `: ${definition.description}`}`;
  const { approve } = await context.ask({ kind: "approval", text, data: given }).catch((error: unknown) => {
    if (!(error instanceof SessionError) || error.code !== "nobody_to_ask") throw error;
    throw new SessionError(error.code, `${name} may change something, and nobody is there to be asked`, {
      hint: `to let it be called without asking: mcp_servers.${ref.server}.tools.${ref.tool}.approval_mode = "approve"`,
    });
  });
  if (!approve) throw new SessionError("approval_denied", `the call of ${name} was not approved`);
}

/** A result always has content and says whether it is an error; everything else stays as it came. */
function asResult(result: unknown): ToolResult {
  if (!isJson(result)) throw new SandboxedError("mcp_server", "the server's answer is no result of a tool");
  const { content, isError } = result;
  return { ...result, content: Array.isArray(content) ? content : [], isError: isError === true };
}

/** What came out of a JSON parser is JSON. */
function isJson(value: unknown): value is JsonObject {
  return isTable(value);
}

function asSessionError(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  if (!(error instanceof Error)) return new SessionError("failed", String(error));
  if (error instanceof SandboxedError) {
    const code = refusals.has(error.code) ? "policy_denied" : "tool_failed";
    // Its program's output may hold what the script is not to see.
    const message = plainText(error);
    return new SessionError(isAbsent(error) ? "not_found" : code, message, { hint: error.hint, cause: error });
  }
  return new SessionError("tool_failed", error.message, { cause: error });
}

/** Of the rules; anything else is the server's failure. */
const refusals: ReadonlySet<string> = new Set(["mcp_tool", "mcp_auth", "mcp_disabled"]);

function isAbsent({ code, message }: SandboxedError): boolean {
  return code === "mcp_tool" && message.startsWith("there is no tool");
}
