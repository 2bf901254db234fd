import { readFileSync, writeFileSync } from "node:fs";
import { codeOf, escapeText, SandboxedError } from "../../policy/index.ts";
import type { Command } from "../command.ts";
import { lastValue } from "../parse.ts";
import { outputOptions } from "../run-options.ts";

export const requirementsSign: Command = {
  operands: "FILE",
  options: [
    {
      id: "key",
      long: "key",
      short: null,
      argument: "KEY",
      help: "the private key, as keygen wrote it",
      example: "--key signing.pem",
      completes: "file",
    },
    {
      id: "output",
      long: "output",
      short: null,
      argument: "OUT",
      help: "where the bundle is written; never over another file",
      example: "--output requirements.bundle",
      completes: "file",
    },
    ...outputOptions,
  ],
  examples: ["sandboxed requirements sign bundle.toml --key signing.pem --output requirements.bundle"],
  about: [
    "FILE needs serial, a number that rises with every bundle, and expires; audience where the machines have one.",
  ],
  async run(parsed) {
    const [file, extra] = parsed.rest;
    const key = lastValue(parsed, "key");
    const output = lastValue(parsed, "output");
    if (file === undefined || extra !== undefined || key === null || output === null) {
      throw new SandboxedError("usage", "a file, --key and --output are needed", {
        hint: "write sandboxed requirements sign FILE --key KEY --output OUT",
      });
    }
    const { signBundle } = await import("../../requirements/bundle/signature.ts");
    const { verifyBundle } = await import("../../requirements/bundle/verify.ts");
    const { bundle, publicKey } = signBundle(reading(file), reading(key).toString("utf8"));
    // What no machine would take is not signed: all but the audience, which the machines know.
    const { serial, expires } = await verifyBundle(bundle, { url: file, publicKey, minSerial: 0 });
    writing(output, bundle);
    const until = new Date(expires).toISOString();
    const text = `wrote ${escapeText(output)}: serial ${serial}, good until ${until}, verified by ${publicKey}\n`;
    return { data: { file: output, serial, expires: until, publicKey }, text, status: 0 };
  },
};

function reading(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new SandboxedError("usage", `${escapeText(file)} cannot be read (${codeOf(cause) ?? "unknown error"})`, {
      hint: "check the path",
      cause,
    });
  }
}

/** Only a file that was not there before, not even as a link. */
export function writing(file: string, content: string | Buffer, mode = 0o644): void {
  try {
    writeFileSync(file, content, { flag: "wx", mode });
  } catch (cause) {
    const code = codeOf(cause) ?? "unknown error";
    const why = code === "EEXIST" ? "it is there already" : code;
    throw new SandboxedError("usage", `${escapeText(file)} was not written: ${why}`, {
      hint: "nothing is overwritten; name another file",
      cause,
    });
  }
}
