import { digestOf, hiddenCharacters, isListed, needsApproval, pinsIn, visible } from "../../mcp/index.ts";
import type { Pin, ToolDefinition } from "../../mcp/index.ts";
import type { McpServer } from "../../config/index.ts";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Command } from "../command.ts";
import { loggedIn } from "../mcp/logins.ts";
import { openServers, serverNamed } from "../mcp/open-servers.ts";
import { serverData } from "../mcp/server-data.ts";
import { lastValue } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import { configOptions, outputOptions } from "../run-options.ts";

export const mcpGet: Command = {
  operands: "NAME",
  options: [
    {
      id: "tools",
      long: "tools",
      short: null,
      argument: null,
      help: "start it and list its tools",
      example: "--tools",
    },
    ...configOptions,
    ...outputOptions,
  ],
  examples: ["sandboxed mcp get docs", "sandboxed mcp get docs --tools"],
  about: ["Starts the server in its sandbox only with --tools."],
  async run(parsed) {
    const asked = await askedFor(parsed);
    const server = serverNamed(asked.config.mcpServers, onlyName(parsed.rest));
    const data = serverData(server, asked.config.requirements.mcpAllowlist, await loggedIn(asked, [server]));
    const { transport, ...rest } = data;
    const lines = [...Object.entries(rest), ...Object.entries(transport)].map(
      ([key, value]) => `${key}: ${shown(value)}\n`,
    );
    if (lastValue(parsed, "tools") === null) return { data, text: lines.join(""), status: 0 };
    const servers = openServers(asked, [server.name]);
    try {
      const pins = pinsIn(toolFolders(asked.environment).state);
      const definitions = await servers.definitions(server.name);
      const tools = definitions.map((tool) => toolData(server, tool, pins.known(server.name, tool.name)));
      const text = tools.map(
        ({ name, status, description }) => `  ${escapeText(name)} (${status})  ${firstLine(description)}\n`,
      );
      return { data: { ...data, tools }, text: [...lines, "tools:\n", ...text].join(""), status: 0 };
    } finally {
      await servers.close();
    }
  },
};

/** Errors: `usage`. */
export function onlyName(rest: readonly string[]): string {
  const [name, more] = rest;
  if (name !== undefined && more === undefined) return name;
  throw new SandboxedError(
    "usage",
    name === undefined ? "the name of a server is missing" : `${escapeText(more ?? "")} is one word too many`,
    {
      hint: "sandboxed mcp list shows the names",
    },
  );
}

function toolData(server: McpServer, tool: ToolDefinition, pin: Pin | null) {
  const isChanged = pin !== null && pin.digest !== digestOf(tool);
  const listed = isListed(server, tool.name);
  return {
    name: tool.name,
    status: !listed ? "not allowed" : isChanged ? "changed" : needsApproval(server, tool) ? "asks" : "ready",
    digest: digestOf(tool),
    approved: pin?.digest ?? null,
    hidden_characters: hiddenCharacters(tool),
    description: typeof tool.description === "string" ? visible(tool.description) : "",
  };
}

function firstLine(text: string): string {
  const [line = ""] = text.split("\n");
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

function shown(value: unknown): string {
  if (value === null || (Array.isArray(value) && value.length === 0)) return "-";
  if (Array.isArray(value)) return escapeText(value.map(String).join(" "));
  return escapeText(typeof value === "string" ? value : JSON.stringify(value));
}
