import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** The schema beside the installed tool, for editors; null when it is not there. */
export function installedSchema(): string | null {
  for (let at = import.meta.dirname; at !== dirname(at); at = dirname(at)) {
    const candidate = join(at, "schema", "config.schema.json");
    if (existsSync(candidate)) return pathToFileURL(candidate).href;
  }
  return null;
}
