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

/** Keys a project may set: what they say can only narrow. */
const projectKeys = new Set(["default_permissions", "permissions"]);

/** Errors: `config_schema` naming the key and who may set it. */
export function checkProjectKeys(document: Document, userFile: string): void {
  const key = Object.keys(document.value).find((name) => !projectKeys.has(name));
  if (key === undefined) return;
  throw new SandboxedError("config_schema", `${where(document, [key])}a project cannot set ${showPath([key])}`, {
    hint: `you can, in ${userFile}, or the administrator in ${systemFile}; a project may set ${[...projectKeys].join(" and ")}`,
  });
}

export const systemFile = "/etc/sandboxed/config.toml";
