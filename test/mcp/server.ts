import { unsaid } from "../../src/config/index.ts";
import type { McpServer } from "../../src/config/index.ts";
import type { McpAllowance, McpAllowlist, McpIdentity, Provenance } from "../../src/policy/index.ts";

export const here: Provenance = { layer: "user", file: "/etc/x.toml", line: 7, column: 1, owner: "you" };

/** A server of a program, as an entry without any other key would have it. */
export function stdioServer(
  command: string,
  args: readonly string[] = [],
  more: Partial<McpServer> = {},
  transport: Partial<Extract<McpServer["transport"], { kind: "stdio" }>> = {},
): McpServer {
  return {
    ...base,
    transport: {
      kind: "stdio",
      command,
      args,
      env: new Map(),
      envVars: [],
      cwd: null,
      permissions: ":isolated",
      allowedDomains: [],
      ...transport,
    },
    ...more,
  };
}

export function httpServer(url: string, more: Partial<McpServer> = {}): McpServer {
  return {
    ...base,
    transport: {
      kind: "streamable_http",
      url: new URL(url).href,
      bearerTokenVariable: null,
      headers: new Map(),
      variableHeaders: new Map(),
      scopes: null,
      oauth: { resource: null, clientId: null, clientSecretVariable: null, callbackPort: null, issuer: null },
    },
    ...more,
  };
}

export function allowlist(identity: McpIdentity, name = "docs"): McpAllowlist {
  const allowance: McpAllowance = { identity, arguments: new Map(), provenance: here };
  return { servers: new Map([[name, allowance]]), provenance: here };
}

const base = {
  name: "docs",
  provenance: here,
  ...unsaid,
  startupTimeout: 10_000,
  toolTimeout: 10_000,
} satisfies Partial<McpServer>;
