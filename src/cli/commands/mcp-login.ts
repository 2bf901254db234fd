import { admitted, fetchFor, logIn } from "../../mcp/index.ts";
import { SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { addressOf, credentialsOf } from "../mcp/logins.ts";
import { mcpSurroundings, serverNamed } from "../mcp/open-servers.ts";
import { lastValue } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import { configOptions, outputOptions } from "../run-options.ts";
import { voiceOf } from "../voice.ts";
import { onlyName } from "./mcp-get.ts";

const TIMEOUT_MS = 5 * 60_000;

export const mcpLogin: Command = {
  operands: "NAME",
  options: [
    {
      id: "scopes",
      long: "scopes",
      short: null,
      argument: "LIST",
      help: "ask for these scopes, separated by commas; none with an empty list",
      example: "--scopes read,write",
    },
    ...configOptions,
    ...outputOptions,
  ],
  examples: ["sandboxed mcp login hub", "sandboxed mcp login hub --scopes read"],
  about: [
    "Shows an address to open in a browser on this machine, and waits five minutes for it to come back. The login is kept",
    "in the keyring, or in a file that nobody else may read.",
  ],
  async run(parsed) {
    const asked = await askedFor(parsed);
    const server = serverNamed(asked.config.mcpServers, onlyName(parsed.rest));
    const transport = addressOf(server);
    if (transport.bearerTokenVariable !== null) {
      throw new SandboxedError(
        "mcp_auth",
        `MCP server ${server.name} takes the token of ${transport.bearerTokenVariable}`,
        {
          hint: "leave bearer_token_env_var out to log in instead",
        },
      );
    }
    const surroundings = mcpSurroundings(asked);
    admitted(server, surroundings);
    const voice = voiceOf("sandboxed", lastValue(parsed, "json") !== null);
    const scopes = lastValue(parsed, "scopes");
    const login = await logIn({
      server,
      transport,
      fetch: await fetchFor(server, transport, surroundings),
      environment: asked.environment,
      scopes: scopes === null ? null : scopes.split(",").filter((scope) => scope !== ""),
      show: (url) => voice.say("open this address in a browser:", `  ${url}`),
      timeout: TIMEOUT_MS,
    });
    const kept = await credentialsOf(asked).keep(server.name, login);
    if (kept === "file") voice.warn("no keyring keeps the login: it is in a file that nobody else may read");
    const { name } = server;
    return { data: { name, issuer: login.issuer, kept }, text: `logged in to ${name}\n`, status: 0 };
  },
};
