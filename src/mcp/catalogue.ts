import type { Client } from "@modelcontextprotocol/client";
import { SandboxedError } from "../policy/index.ts";

/** A tool as its server describes it, members of every kind. */
export interface ToolDefinition {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: JsonTable;
  readonly outputSchema?: JsonTable;
  readonly annotations?: JsonTable;
  readonly [member: string]: unknown;
}

export type JsonTable = { readonly [name: string]: unknown };

/** What a server may list, whoever asks for it. */
export const MOST_PAGES = 100;
export const MOST_TOOLS = 2048;
export const LONGEST_NAME = 256;
const LONGEST_CURSOR = 64 * 1024;

/** Page after page, within bounds on all of them. Errors: `mcp_server` naming the bound. */
export async function listEverything(client: Client, timeout: number): Promise<readonly ToolDefinition[]> {
  const tools = new Map<string, ToolDefinition>();
  const end = performance.now() + timeout;
  let cursor: string | undefined;
  for (let page = 0; page < MOST_PAGES; page++) {
    const left = Math.max(1, end - performance.now());
    const params = cursor === undefined ? {} : { cursor };
    // oxlint-disable-next-line no-await-in-loop -- a page names the next
    const answer = await client.request({ method: "tools/list", params }, asItCame, { timeout: left });
    if (!isTable(answer) || !Array.isArray(answer["tools"])) throw bad("its list of tools is none");
    for (const tool of answer["tools"]) {
      if (!isDefinition(tool)) throw bad("it lists a tool without a name");
      if (tools.has(tool.name)) throw bad(`it lists the tool ${JSON.stringify(tool.name)} twice`);
      tools.set(tool.name, tool);
      if (tools.size > MOST_TOOLS) throw bad(`it lists more than ${MOST_TOOLS} tools`);
    }
    const next = nextCursor(answer);
    if (next === null) return [...tools.values()];
    if (next.length > LONGEST_CURSOR || next === cursor) throw bad("its list of tools does not go on as it should");
    cursor = next;
  }
  throw bad(`its list of tools has more than ${MOST_PAGES} pages`);
}

/** The SDK's own schemas would take members away that they do not know. */
export const asItCame = {
  "~standard": { version: 1, vendor: "sandboxed-run", validate: (value: unknown) => ({ value }) },
} as const;

/** Where a page of tools goes on; null where it does not. */
export function nextCursor(result: JsonTable): string | null {
  return typeof result["nextCursor"] === "string" ? result["nextCursor"] : null;
}

export function isTable(value: unknown): value is JsonTable {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a tool can be spoken of at all. */
export function isDefinition(value: unknown): value is ToolDefinition {
  const name = isTable(value) ? value["name"] : null;
  return typeof name === "string" && name !== "" && name.length <= LONGEST_NAME;
}

function bad(message: string): SandboxedError {
  return new SandboxedError("mcp_server", message);
}
