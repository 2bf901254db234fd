import type { Provenance } from "../model/decision.ts";
import { SandboxedError } from "./error.ts";
import { escapeText } from "./escape.ts";

/** Where a key stands; the path starts at the root of the document: `["permissions", "ci", "filesystem", "/data"]`. */
export type ProvenanceOf = (keyPath: readonly string[]) => Provenance;

/** The same, from the table that is being read. */
export type PlaceOf = (...keys: readonly string[]) => Provenance;

/** `config.toml:12: `, the start of every message about something written; empty for flags and API calls. */
export function at(provenance: Provenance): string {
  if (provenance.file === null) return "";
  return `${escapeText(provenance.file)}${provenance.line === null ? "" : `:${provenance.line}`}: `;
}

/** `config.toml:12, the project`. */
export function provenanceText({ file, line, layer, owner }: Provenance): string {
  const place = file === null ? layer : `${escapeText(file)}${line === null ? "" : `:${line}`}`;
  return `${place}, ${escapeText(owner)}`;
}

/** Runs `read`, putting the place in front of what it complains about. */
export function locating<T>(provenance: Provenance, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    const hint = error.hint === null ? {} : { hint: error.hint };
    throw new SandboxedError(error.code, `${at(provenance)}${error.message}`, { ...hint, cause: error });
  }
}
