import { digestOf, hiddenCharacters, pinsIn } from "../../mcp/index.ts";
import type { Pin, ToolDefinition } from "../../mcp/index.ts";
import { didYouMean, escapeText, SandboxedError } from "../../policy/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Command } from "../command.ts";
import { openServers } from "../mcp/open-servers.ts";
import { lastValue } from "../parse.ts";
import { askedFor } from "../policy-flags.ts";
import { configOptions, outputOptions } from "../run-options.ts";

export const mcpApprove: Command = {
  operands: "NAME [TOOL…]",
  options: [
    { id: "all", long: "all", short: null, argument: null, help: "approve every tool as it is now", example: "--all" },
    ...configOptions,
    ...outputOptions,
  ],
  examples: ["sandboxed mcp approve docs", "sandboxed mcp approve docs read_page", "sandboxed mcp approve docs --all"],
  about: [
    "Without TOOL and --all it shows what has changed since it was first used or approved, approves nothing, and ends",
    "with 1 when there is something.",
  ],
  async run(parsed) {
    const [name, ...wanted] = parsed.rest;
    if (name === undefined) {
      throw new SandboxedError("usage", "the name of a server is missing", {
        hint: "sandboxed mcp list shows the names",
      });
    }
    const asked = await askedFor(parsed);
    const servers = openServers(asked, [name]);
    try {
      const pins = pinsIn(toolFolders(asked.environment).state);
      const tools = await servers.definitions(name);
      const isAll = lastValue(parsed, "all") !== null;
      if (!isAll && wanted.length === 0) {
        const changes = tools.flatMap((tool) => changeOf(tool, pins.known(name, tool.name)));
        const text = changes.length === 0 ? "nothing has changed\n" : changes.map(changeText).join("");
        return { data: { server: name, changes }, text, status: changes.length === 0 ? 0 : 1 };
      }
      const approved = isAll ? tools : wanted.map((tool) => toolNamed(tools, tool));
      const kept = approved.map((tool) => pins.approve(name, tool));
      const text = kept.map(({ tool }) => `approved ${escapeText(tool)}\n`).join("");
      return { data: { server: name, approved: kept.map(({ tool, digest }) => ({ tool, digest })) }, text, status: 0 };
    } finally {
      await servers.close();
    }
  },
};

interface Change {
  readonly tool: string;
  readonly since: string;
  readonly was: unknown;
  readonly is: ToolDefinition;
  readonly hidden_characters: readonly string[];
}

function changeOf(tool: ToolDefinition, pin: Pin | null): readonly Change[] {
  if (pin === null || pin.digest === digestOf(tool)) return [];
  return [
    { tool: tool.name, since: pin.since, was: pin.definition, is: tool, hidden_characters: hiddenCharacters(tool) },
  ];
}

/** Every member that differs, whole: nothing of what is approved stays unseen. */
function changeText({ tool, since, was, is, hidden_characters: hidden }: Change): string {
  const before = new Map<string, unknown>(typeof was === "object" && was !== null ? Object.entries(was) : []);
  const after = new Map(Object.entries(is));
  const members = [...new Set([...before.keys(), ...after.keys()])].filter(
    (member) => JSON.stringify(before.get(member)) !== JSON.stringify(after.get(member)),
  );
  const lines = members.flatMap((member) => [
    `  - ${escapeText(member)}: ${shown(before.get(member))}`,
    `  + ${escapeText(member)}: ${shown(after.get(member))}`,
  ]);
  const warning = hidden.length === 0 ? [] : [`  hidden characters in ${hidden.map(escapeText).join(", ")}`];
  return `${escapeText(tool)} has changed since ${escapeText(since)}\n${[...lines, ...warning].join("\n")}\n`;
}

function shown(value: unknown): string {
  return value === undefined ? "(absent)" : escapeText(JSON.stringify(value));
}

function toolNamed(tools: readonly ToolDefinition[], name: string): ToolDefinition {
  const found = tools.find((tool) => tool.name === name);
  if (found !== undefined) return found;
  const names = tools.map((tool) => tool.name);
  throw new SandboxedError("mcp_tool", `there is no tool ${escapeText(name)}${didYouMean(name, names)}`, {
    hint: "the names are those that sandboxed mcp get NAME --tools lists",
  });
}
