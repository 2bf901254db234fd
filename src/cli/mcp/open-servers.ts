import { newSessionId, openSession } from "../../audit/index.ts";
import type { McpServer } from "../../config/index.ts";
import { version } from "../../generated/version.ts";
import { bearerFor, credentialsIn, McpServers, pinsIn } from "../../mcp/index.ts";
import type { McpServersOptions, McpSurroundings } from "../../mcp/index.ts";
import { escapeText, SandboxedError, didYouMean } from "../../policy/index.ts";
import type { LiveTerms } from "../../reload/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Asked } from "../policy-flags.ts";

type More = Omit<McpServersOptions, "servers" | "surroundings" | "pins">;

/** The run whose servers they are. */
export interface ForRun {
  /** Of its session. */
  readonly id: string;
  readonly ephemeral: boolean;
  /** What bounds it. */
  readonly live: LiveTerms;
}

/** What servers are started from, as the command line and its files have it. Each program gets a session of its own. */
export function mcpSurroundings(asked: Asked, run: ForRun | null = null): McpSurroundings {
  const { config, environment, cwd } = asked;
  return {
    policy: config.policy,
    definitions: config.definitions,
    environment,
    cwd,
    managed: config.managed,
    allowlist: config.requirements.mcpAllowlist,
    ...(run !== null && { live: run.live }),
    openSession: (server) => {
      const id = newSessionId();
      const of = { id, argv: ["mcp", server], mcpServer: server, ...(run !== null && { parent: run.id }) };
      const ephemeral = run?.ephemeral ?? false;
      return { id, openJournal: () => openSession({ ...of, ephemeral, cwd, version, environment }).journal };
    },
  };
}

/** The servers that were configured, nothing started yet. */
export function openServers(
  asked: Asked,
  names: readonly string[] | null,
  more: More = {},
  run: ForRun | null = null,
): McpServers {
  const all = asked.config.mcpServers;
  const servers = names === null ? [...all.values()] : names.map((name) => serverNamed(all, name));
  const { environment } = asked;
  const credentials = credentialsIn(toolFolders(environment).state);
  return new McpServers({
    authProvider: ({ name }, transport, fetch) => bearerFor(name, transport, { credentials, environment, fetch }),
    ...more,
    servers,
    surroundings: mcpSurroundings(asked, run),
    pins: pinsIn(toolFolders(environment).state),
  });
}

/** Errors: `mcp_server` with the nearest name. */
export function serverNamed(servers: ReadonlyMap<string, McpServer>, name: string): McpServer {
  const server = servers.get(name);
  if (server !== undefined) return server;
  throw new SandboxedError(
    "mcp_server",
    `no MCP server named ${escapeText(JSON.stringify(name))} found${didYouMean(name, servers.keys())}`,
    { hint: servers.size === 0 ? "add one: sandboxed mcp add NAME -- COMMAND" : "sandboxed mcp list shows them" },
  );
}
