import type { McpHttp, McpServer } from "../../config/index.ts";
import { credentialsIn } from "../../mcp/index.ts";
import type { Credentials } from "../../mcp/index.ts";
import { SandboxedError } from "../../policy/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Asked } from "../policy-flags.ts";

export function credentialsOf({ environment }: Asked): Credentials {
  return credentialsIn(toolFolders(environment).state);
}

/** The names of those servers that somebody has logged in to, at the address they have now. */
export async function loggedIn(asked: Asked, servers: Iterable<McpServer>): Promise<ReadonlySet<string>> {
  const credentials = credentialsOf(asked);
  const found = await Promise.all(
    [...servers].map(async ({ name, transport }) =>
      transport.kind === "stdio" || (await credentials.read(name, transport.url)) === null ? [] : [name],
    ),
  );
  return new Set(found.flat());
}

/** Errors: `mcp_auth` for a server that is a program. */
export function addressOf({ name, transport }: McpServer): McpHttp {
  if (transport.kind !== "stdio") return transport;
  throw new SandboxedError("mcp_auth", `MCP server ${name} is a program: there is nowhere to log in`, {
    hint: "hand it what it needs with env_vars",
  });
}
