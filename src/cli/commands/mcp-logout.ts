import type { Command } from "../command.ts";
import { addressOf, credentialsOf } from "../mcp/logins.ts";
import { serverNamed } from "../mcp/open-servers.ts";
import { askedFor } from "../policy-flags.ts";
import { configOptions, outputOptions } from "../run-options.ts";
import { onlyName } from "./mcp-get.ts";

export const mcpLogout: Command = {
  operands: "NAME",
  options: [...configOptions, ...outputOptions],
  examples: ["sandboxed mcp logout hub"],
  about: ["Forgets the login on this machine; the provider is not told. One that is not there is no error."],
  async run(parsed) {
    const asked = await askedFor(parsed);
    const server = serverNamed(asked.config.mcpServers, onlyName(parsed.rest));
    const forgotten = await credentialsOf(asked).forget(server.name, addressOf(server).url);
    const { name } = server;
    return {
      data: { name, forgotten },
      text: forgotten ? `logged out of ${name}\n` : `nobody was logged in to ${name}\n`,
      status: 0,
    };
  },
};
