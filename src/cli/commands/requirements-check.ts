import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { lastValue } from "../parse.ts";
import { outputOptions } from "../run-options.ts";
import { describe } from "../voice.ts";

export const requirementsCheck: Command = {
  operands: "FILE",
  options: [
    {
      id: "as",
      long: "as",
      short: null,
      argument: "system|bundle|given",
      help: "where it will stand: the system's file (usual), a signed bundle, or given with --requirements",
      example: "--as bundle",
      choices: ["system", "bundle", "given"],
    },
    ...outputOptions,
  ],
  examples: ["sandboxed requirements check requirements.toml", "sandboxed requirements check --as bundle bundle.toml"],
  about: ["Says what is wrong and where, and what is right and probably not meant."],
  async run(parsed) {
    const [file, extra] = parsed.rest;
    if (file === undefined || extra !== undefined) {
      throw new SandboxedError("usage", "one file is needed", { hint: "write sandboxed requirements check FILE" });
    }
    const as = lastValue(parsed, "as");
    const { checkRequirements } = await import("../../requirements/check.ts");
    try {
      const { warnings } = await checkRequirements(
        file,
        as === "bundle" ? "bundle" : as === "given" ? "file" : "system",
      );
      const text = [...warnings.map((warning) => `warning: ${warning}`), `ok: ${escapeText(file)}`, ""].join("\n");
      return { data: { ok: true, file, warnings }, text, status: 0 };
    } catch (error) {
      if (!(error instanceof SandboxedError) || error.code === "usage") throw error;
      const { code, message, hint } = describe(error);
      const text = `${message}\n${hint === null ? "" : `  ${hint}\n`}`;
      return { data: { ok: false, file, error: { code, message, hint } }, text, status: 1 };
    }
  },
};
