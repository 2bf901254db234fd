import type { Command } from "../command.ts";
import { loggedIn } from "../mcp/logins.ts";
import { serverData, serverTables } from "../mcp/server-data.ts";
import { askedFor } from "../policy-flags.ts";
import { configOptions, outputOptions } from "../run-options.ts";

export const mcpList: Command = {
  operands: "",
  options: [...configOptions, ...outputOptions],
  examples: ["sandboxed mcp list", "sandboxed mcp list --json"],
  about: ["Starts nothing. Values of variables and headers are hidden."],
  async run(parsed) {
    const asked = await askedFor(parsed);
    const { mcpAllowlist } = asked.config.requirements;
    const logins = await loggedIn(asked, asked.config.mcpServers.values());
    const servers = [...asked.config.mcpServers.values()].map(
      (server) => [server, serverData(server, mcpAllowlist, logins)] as const,
    );
    const text =
      servers.length === 0 ? "no MCP servers; add one: sandboxed mcp add NAME -- COMMAND\n" : serverTables(servers);
    return { data: { servers: servers.map(([, data]) => data) }, text, status: 0 };
  },
};
