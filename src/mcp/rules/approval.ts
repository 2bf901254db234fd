import type { McpServer } from "../../config/index.ts";
import type { ToolDefinition } from "../catalogue.ts";
import { hiddenCharacters } from "./hidden.ts";

/** Whether somebody is asked before a call. What a server does not say of a tool counts as the risky answer. */
export function needsApproval(server: McpServer, tool: ToolDefinition): boolean {
  const mode = server.toolApprovalModes.get(tool.name) ?? server.approvalMode;
  if (mode === "approve") return false;
  if (mode === "prompt" || hiddenCharacters(tool).length > 0) return true;
  const hints = tool.annotations ?? {};
  const isReadOnly = hints["readOnlyHint"] === true;
  if (mode === "writes") return !isReadOnly;
  if (hints["destructiveHint"] === true) return true;
  if (isReadOnly) return false;
  return hints["destructiveHint"] !== false || hints["openWorldHint"] !== false;
}

/** Whether the server's lists leave a tool. */
export function isListed({ enabledTools, disabledTools }: McpServer, tool: string): boolean {
  return (enabledTools === null || enabledTools.includes(tool)) && !disabledTools.includes(tool);
}
