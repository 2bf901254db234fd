import type { McpServers } from "../../mcp/index.ts";
import { serversMeant, SessionQuestions, sessionTools } from "../../mcp/index.ts";
import { parseCapability } from "../../session/index.ts";
import type { ToolRegistry } from "../../session/index.ts";
import type { Asked } from "../policy-flags.ts";
import { openServers } from "./open-servers.ts";

/**
 * The tools of those configured servers that a run's grants speak of; no other is started. Waits for required servers
 * alone. Errors: `mcp_server` when one of these cannot start.
 */
export async function toolsForRun(asked: Asked, grants: readonly string[]): Promise<readonly ToolRegistry[]> {
  const patterns = grants.map(parseCapability).flatMap(({ kind, scope }) => (kind === "tools" ? scope : []));
  const meant = serversMeant(patterns, new Set(asked.config.mcpServers.keys()));
  if (meant.size === 0) return [];
  const questions = new SessionQuestions();
  const servers: McpServers = openServers(asked, [...meant], { elicit: questions.elicit });
  try {
    await servers.start();
  } catch (error) {
    await servers.close();
    throw error;
  }
  return [sessionTools(servers, questions)];
}
