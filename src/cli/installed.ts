import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** Of this file: a bundle in CommonJS has no `import.meta`, a module has no `__dirname`. */
const HERE = typeof __dirname === "string" ? __dirname : import.meta.dirname;

/** The schema beside the installed tool, for editors; null when it is not there. */
export function installedSchema(): string | null {
  for (let at = HERE; at !== dirname(at); at = dirname(at)) {
    const candidate = join(at, "schema", "config.schema.json");
    if (existsSync(candidate)) return pathToFileURL(candidate).href;
  }
  return null;
}
