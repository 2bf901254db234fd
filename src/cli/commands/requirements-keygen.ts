import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { outputOptions } from "../run-options.ts";
import { writing } from "./requirements-sign.ts";

export const requirementsKeygen: Command = {
  operands: "KEY",
  options: outputOptions,
  examples: ["sandboxed requirements keygen signing.pem"],
  about: ["Writes a new private key to KEY, for you alone, and prints the public one for requirements_source."],
  async run(parsed) {
    const [file, extra] = parsed.rest;
    if (file === undefined || extra !== undefined) {
      throw new SandboxedError("usage", "one file is needed", { hint: "write sandboxed requirements keygen KEY" });
    }
    const { newKeyPair } = await import("../../requirements/bundle/signature.ts");
    const { privateKey, publicKey } = newKeyPair();
    writing(file, privateKey, 0o600);
    return { data: { file, publicKey }, text: `wrote ${escapeText(file)}\npublic_key = "${publicKey}"\n`, status: 0 };
  },
};
