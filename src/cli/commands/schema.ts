import type { Command } from "../command.ts";
import { outputOptions } from "../run-options.ts";

export const schema: Command = {
  operands: "",
  options: outputOptions,
  examples: ["sandboxed schema > config.schema.json"],
  about: [],
  async run() {
    // The committed file, as text in the bundle: what editors get and what this prints cannot differ.
    const { configSchemaText } = await import("../../generated/config-schema.ts");
    return { data: { schema: JSON.parse(configSchemaText) }, text: configSchemaText, status: 0 };
  },
};
