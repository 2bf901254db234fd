import type { McpServers } from "../../mcp/index.ts";
import { sessionTools } from "../../mcp/index.ts";
import type { ToolRegistry } from "../../session/index.ts";
import type { Asked } from "../policy-flags.ts";
import { openServers } from "./open-servers.ts";

/**
 * The tools of the configured servers, for a run that was granted some. Waits for required servers alone.
 * Errors: `mcp_server` when one of these cannot start.
 */
export async function toolsForRun(asked: Asked): Promise<readonly ToolRegistry[]> {
  const servers: McpServers = openServers(asked, null);
  try {
    await servers.start();
  } catch (error) {
    await servers.close();
    throw error;
  }
  // Nobody is asked before a call: what the person granted on the command line covers tools that only read.
  return [sessionTools(servers, null)];
}
