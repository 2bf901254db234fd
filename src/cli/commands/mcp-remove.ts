import { ownEnvironment, userConfigFile } from "../../config/index.ts";
import { escapeText } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { readText, replaceText, withoutServer } from "../mcp/config-file.ts";
import { outputOptions } from "../run-options.ts";
import { homeOf } from "../surroundings.ts";
import { onlyName } from "./mcp-get.ts";

export const mcpRemove: Command = {
  operands: "NAME",
  options: outputOptions,
  examples: ["sandboxed mcp remove docs"],
  about: ["Changes your own configuration. A server that is not there is no error."],
  run(parsed) {
    const name = onlyName(parsed.rest);
    const environment = ownEnvironment();
    const file = userConfigFile(environment, homeOf(environment));
    const text = withoutServer(readText(file), name);
    if (text !== null) replaceText(file, text);
    const shown = escapeText(JSON.stringify(name));
    return {
      data: { name, file, removed: text !== null },
      text: text === null ? `no MCP server named ${shown} found\n` : `removed ${shown} from ${escapeText(file)}\n`,
      status: 0,
    };
  },
};
