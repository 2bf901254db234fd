import { serversMeant, SessionQuestions, sessionTools } from "../../mcp/index.ts";
import type { McpAllowlist, SandboxedError } from "../../policy/index.ts";
import { parseCapability } from "../../session/index.ts";
import type { ToolRegistry } from "../../session/index.ts";
import type { Asked } from "../policy-flags.ts";
import { openServers } from "./open-servers.ts";
import type { ForRun } from "./open-servers.ts";

/** The tools of a run's MCP servers, and what becomes of these. */
export interface RunTools {
  readonly registry: ToolRegistry;
  /** Settles when a required server is gone and does not come back: with why. */
  readonly lost: Promise<Error>;
  /** Holds the servers to one more list. Returns those it disabled, with the reasons. */
  narrow(allowlist: McpAllowlist | null): readonly { readonly isRequired: boolean; readonly error: SandboxedError }[];
  /** Ends the servers. */
  close(): Promise<void>;
}

/**
 * The tools of those configured servers that a run's grants speak of; no other is started. Waits for required servers
 * alone. Null where the grants speak of none. Errors: `mcp_server` when a required one cannot start.
 */
export async function toolsForRun(asked: Asked, grants: readonly string[], run: ForRun): Promise<RunTools | null> {
  const patterns = grants.map(parseCapability).flatMap(({ kind, scope }) => (kind === "tools" ? scope : []));
  const meant = serversMeant(patterns, new Set(asked.config.mcpServers.keys()));
  if (meant.size === 0) return null;
  const questions = new SessionQuestions();
  let onLost: (error: Error) => void = () => {};
  const lost = new Promise<Error>((resolve) => {
    onLost = resolve;
  });
  const { elicit, sample } = questions;
  const more = { elicit, sample, onLost: (_: string, error: Error) => onLost(error) };
  const servers = openServers(asked, [...meant], more, run);
  try {
    await servers.start();
  } catch (error) {
    await servers.close();
    throw error;
  }
  return {
    registry: sessionTools(servers, questions),
    lost,
    narrow: (allowlist) =>
      servers.narrow(allowlist).map(({ server, error }) => ({ isRequired: server.required, error })),
    close: () => servers.close(),
  };
}
