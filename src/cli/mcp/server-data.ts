import { redactArgv, redactText } from "../../audit/index.ts";
import type { McpServer } from "../../config/index.ts";
import { admit } from "../../mcp/index.ts";
import { escapeText } from "../../policy/index.ts";
import type { McpAllowlist } from "../../policy/index.ts";

/** What stands for a value that may be a secret. */
const MASK = "*****";

export type AuthStatus = "unsupported" | "not_logged_in" | "bearer_token" | "o_auth" | "unknown";

const authWords: Readonly<Record<AuthStatus, string>> = {
  unsupported: "Unsupported",
  not_logged_in: "Not logged in",
  bearer_token: "Bearer token",
  o_auth: "OAuth",
  unknown: "Unknown",
};

/** A server as the commands show it; values of variables and headers stay hidden, also in JSON. */
export interface ServerData {
  readonly name: string;
  readonly enabled: boolean;
  readonly disabled_reason: string | null;
  readonly required: boolean;
  readonly transport: { readonly type: string; readonly [key: string]: unknown };
  readonly enabled_tools: readonly string[] | null;
  readonly disabled_tools: readonly string[];
  readonly sampling: boolean;
  readonly roots: boolean;
  readonly startup_timeout_sec: number;
  readonly tool_timeout_sec: number;
  readonly auth_status: AuthStatus;
}

export function serverData(server: McpServer, allowlist: McpAllowlist | null, logins: ReadonlySet<string>): ServerData {
  const { transport } = server;
  const answer = admit(server, allowlist);
  return {
    name: server.name,
    enabled: server.enabled && answer.ok,
    disabled_reason: answer.ok ? null : answer.reason,
    required: server.required,
    transport:
      transport.kind === "stdio"
        ? {
            type: "stdio",
            command: transport.command,
            args: redactArgv(transport.args),
            env: masked(transport.env.keys()),
            env_vars: transport.envVars,
            cwd: transport.cwd,
            permissions: transport.permissions,
            allowed_domains: transport.allowedDomains,
          }
        : {
            type: "streamable_http",
            url: redactText(transport.url),
            bearer_token_env_var: transport.bearerTokenVariable,
            http_headers: masked(transport.headers.keys()),
            env_http_headers: Object.fromEntries(transport.variableHeaders),
            scopes: transport.scopes,
            oauth_resource: transport.oauth.resource,
          },
    enabled_tools: server.enabledTools,
    disabled_tools: server.disabledTools,
    sampling: server.sampling,
    roots: server.roots,
    startup_timeout_sec: server.startupTimeout / 1000,
    tool_timeout_sec: server.toolTimeout / 1000,
    auth_status: authStatus(server, logins),
  };
}

function authStatus(server: McpServer, logins: ReadonlySet<string>): AuthStatus {
  if (server.transport.kind === "stdio") return "unsupported";
  if (server.transport.bearerTokenVariable !== null) return "bearer_token";
  return logins.has(server.name) ? "o_auth" : "not_logged_in";
}

function masked(names: Iterable<string>): object {
  return Object.fromEntries([...names].map((name) => [name, MASK]));
}

/** Two tables: programs, then addresses. */
export function serverTables(servers: readonly (readonly [McpServer, ServerData])[]): string {
  const stdio = servers.flatMap(([{ transport }, data]) =>
    transport.kind !== "stdio"
      ? []
      : [
          [
            data.name,
            transport.command,
            redactArgv(transport.args).join(" "),
            [...[...transport.env.keys()].map((name) => `${name}=${MASK}`), ...transport.envVars].join(", "),
            transport.cwd ?? "",
            statusWords(data),
            authWords[data.auth_status],
          ],
        ],
  );
  const http = servers.flatMap(([{ transport }, data]) =>
    transport.kind === "stdio"
      ? []
      : [
          [
            data.name,
            redactText(transport.url),
            transport.bearerTokenVariable ?? "",
            statusWords(data),
            authWords[data.auth_status],
          ],
        ],
  );
  const tables = [
    ...(stdio.length === 0 ? [] : [table(["Name", "Command", "Args", "Env", "Cwd", "Status", "Auth"], stdio)]),
    ...(http.length === 0 ? [] : [table(["Name", "Url", "Bearer Token Env Var", "Status", "Auth"], http)]),
  ];
  return tables.join("\n");
}

function statusWords({ enabled, disabled_reason: reason }: ServerData): string {
  if (enabled) return "enabled";
  return reason === null ? "disabled" : `disabled: ${reason}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (cell === "" ? "-" : escapeText(cell))));
  const widths = header.map((title, column) => Math.max(title.length, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return `${[header, ...cells].map(line).join("\n")}\n`;
}
