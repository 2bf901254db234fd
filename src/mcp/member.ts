import type { McpServer } from "../config/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { ArgumentRules } from "../policy/index.ts";
import type { ToolDefinition } from "./catalogue.ts";
import type { Connection } from "./connection.ts";
import { scriptName } from "./names.ts";
import type { ToolRef } from "./names.ts";
import { digestOf } from "./rules/pins.ts";
import type { Pins } from "./rules/pins.ts";

/** One server of a run that may be used. */
export interface Member {
  readonly server: McpServer;
  readonly connection: Connection;
  arguments: readonly ArgumentRules[];
  /** See `Admissions`. */
  readonly start: string;
  /** What it offers, once it has said so. */
  offered: readonly ToolDefinition[] | null;
  starting: Promise<void> | null;
  /** Why it offers nothing, the last time it was tried. */
  failure: Error | null;
  wasThere: boolean;
}

/** One that may not, and why. */
export interface Disabled {
  readonly server: McpServer;
  readonly error: SandboxedError;
}

export function missing({ server, failure }: Member): Error {
  return failure ?? new SandboxedError("mcp_server", `MCP server ${server.name} is gone`);
}

export function changed(ref: ToolRef, since: string): SandboxedError {
  return new SandboxedError(
    "mcp_tool",
    `${escapeText(scriptName(ref))} is no longer what it was when it was first used or approved (${since})`,
    { hint: `look at what has changed and approve it: sandboxed mcp approve ${ref.server} ${escapeText(ref.tool)}` },
  );
}

/** Whether it is another than the one that was used or approved before. */
export function isChanged(pins: Pins, server: McpServer, definition: ToolDefinition): boolean {
  try {
    const pin = pins.known(server.name, definition.name);
    return pin !== null && pin.digest !== digestOf(definition);
  } catch {
    return true; // what cannot be read is told when it is called
  }
}

/** Errors: `mcp_tool` when a tool is not any more what it was when somebody was asked about it. */
export function refuseOther(ref: ToolRef, asked: ToolDefinition, now: ToolDefinition): void {
  if (asked !== now && digestOf(asked) !== digestOf(now)) throw changed(ref, "just now");
}
