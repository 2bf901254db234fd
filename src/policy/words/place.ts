import type { Provenance } from "../model/decision.ts";
import { SandboxedError } from "./error.ts";
import { escapeText } from "./escape.ts";

/** Where a key stands; the path starts at the root of the document: `["permissions", "ci", "filesystem", "/data"]`. */
export type ProvenanceOf = (keyPath: readonly string[]) => Provenance;

/** The same, from the table that is being read. */
export type PlaceOf = (...keys: readonly string[]) => Provenance;

/** `config.toml:12`; empty for flags and API calls. */
export function placeOf({ file, line }: Provenance): string {
  return file === null ? "" : `${escapeText(file)}${line === null ? "" : `:${line}`}`;
}

/** `config.toml:12: `, the start of every message about something written; empty for flags and API calls. */
export function at(provenance: Provenance): string {
  const place = placeOf(provenance);
  return place === "" ? "" : `${place}: `;
}

/** `config.toml:12, the project`. */
export function provenanceText(provenance: Provenance): string {
  return `${placeOf(provenance) || provenance.layer}, ${escapeText(provenance.owner)}`;
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
