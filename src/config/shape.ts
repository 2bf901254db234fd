import { validateConfig } from "../generated/validate-config.ts";
import { SandboxedError } from "../policy/index.ts";
import { showPath, where } from "./document.ts";
import type { Document } from "./document.ts";
import type { RawConfig } from "./schema.ts";

/** What a document says, its shape checked. Errors: `config_schema`, with line, column and nearest spelling. */
export async function checkShape(document: Document): Promise<RawConfig> {
  const fault = validateConfig(document.value);
  // The generated validator accepts exactly what the schema does; a differential test holds it to that.
  if (fault === null) return document.value;
  const { wordFault } = await import("./wording.ts");
  const wording = wordFault(document.value) ?? {
    path: fault,
    message: `${showPath(fault)} has a value of the wrong kind`,
    hint: "correct the value",
  };
  throw new SandboxedError("config_schema", where(document, wording.path) + wording.message, { hint: wording.hint });
}

export const systemFile = "/etc/sandboxed/config.toml";
