import type { readConfigFile } from "../config/index.ts";
import { SandboxedError } from "../policy/index.ts";
import { renaming } from "./source.ts";
import type { SourceText } from "./source.ts";

export type ReadFile = typeof readConfigFile;

/** The administrator's own file; null when there is none. Errors: `requirements_permissions`, `requirements_parse`. */
export function readSystemFile(read: ReadFile, path: string): SourceText | null {
  const text = renaming(() => read(path, "administrator"));
  return text === null ? null : { kind: "system", name: path, text };
}

/** `--requirements FILE`; it has to be there. */
export function readGivenFile(read: ReadFile, path: string): SourceText {
  const text = renaming(() => read(path, "given"));
  if (text === null) {
    throw new SandboxedError("requirements_permissions", `there is no file ${path}`, {
      hint: "check the path; without its requirements nothing runs",
    });
  }
  return { kind: "file", name: path, text };
}

export const variableName = "SANDBOXED_REQUIREMENTS_BASE64";

/** Null when the variable is not set. Errors: `requirements_parse`. */
export function readVariable(environment: ReadonlyMap<string, string>): SourceText | null {
  const encoded = environment.get(variableName);
  if (encoded === undefined || encoded === "") return null;
  return { kind: "variable", name: variableName, text: decodeBase64(encoded, variableName) };
}

/** Text that a platform's policy store carries as base64. Errors: `requirements_parse`. */
export function decodeBase64(encoded: string, name: string): string {
  const packed = encoded.replace(/[ \t\r\n]/g, "");
  const isBase64 = packed.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(packed);
  if (!isBase64) throw unreadable(name, "is not base64");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(packed, "base64"));
  } catch (cause) {
    throw unreadable(name, "does not hold UTF-8 text", cause);
  }
}

function unreadable(name: string, problem: string, cause?: unknown): SandboxedError {
  return new SandboxedError("requirements_parse", `${name} ${problem}`, {
    hint: "encode the file with: base64 -w0 requirements.toml",
    cause,
  });
}
