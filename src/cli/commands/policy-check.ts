import { checkConfigFile } from "../../config/index.ts";
import { SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { askedFor } from "../policy-flags.ts";
import { outputOptions, policyOptions } from "../run-options.ts";
import { describe } from "../voice.ts";

export const policyCheck: Command = {
  operands: "[FILE]",
  options: [...policyOptions, ...outputOptions],
  examples: ["sandboxed policy check", "sandboxed policy check .sandboxed/config.toml"],
  about: [
    "With FILE it is checked by itself, as a project's file when it is one; without, all that a run here would read.",
  ],
  async run(parsed) {
    const [file, extra] = parsed.rest;
    if (extra !== undefined)
      throw new SandboxedError("usage", "one file at a time", { hint: "write sandboxed policy check FILE" });
    try {
      const checked =
        file === undefined ? (await askedFor(parsed)).config.sources.flatMap((source) => source.file ?? []) : [file];
      if (file !== undefined) await checkConfigFile(file);
      return {
        data: { ok: true, files: checked },
        text: `ok: ${checked.length === 0 ? "no files" : checked.join(", ")}\n`,
        status: 0,
      };
    } catch (error) {
      if (!(error instanceof SandboxedError) || error.code === "usage") throw error;
      const { code, message, hint } = describe(error);
      const text = `${message}\n${hint === null ? "" : `  ${hint}\n`}`;
      return { data: { ok: false, error: { code, message, hint } }, text, status: 1 };
    }
  },
};
