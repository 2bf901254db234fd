import type { AbsolutePath } from "../../../policy/index.ts";
import type { Disk } from "../facts/index.ts";

/** Files in which projects choose versions of many tools; the first that names a tool counts. */
export const TOOL_FILES = [
  "mise.toml",
  ".mise.toml",
  ".config/mise.toml",
  ".config/mise/config.toml",
  ".tool-versions",
];

/** Versions by tool, as far as they are written plainly: `node = "20"`, `node = ["20"]`, `nodejs 20.11.0`. */
export function readToolFile(path: AbsolutePath, disk: Disk): ReadonlyMap<string, string> {
  const text = disk.text(path);
  if (text === null) return new Map();
  return new Map(path.endsWith(".toml") ? fromToml(text) : fromWords(text));
}

function* fromWords(text: string): Generator<readonly [tool: string, version: string]> {
  for (const line of text.split("\n")) {
    const [tool, version] = line.replace(/#.*/, "").trim().split(/\s+/);
    if (tool !== undefined && version !== undefined) yield [tool, version];
  }
}

const TOOL_LINE = /^\s*"?([\w-]+)"?\s*=\s*(?:\[\s*)?(?:\{\s*version\s*=\s*)?["']([^"']+)["']/;

/** Only the table of tools, line by line: a whole parser is not worth its time at every start. */
function* fromToml(text: string): Generator<readonly [tool: string, version: string]> {
  let inTools = false;
  for (const line of text.split("\n")) {
    const heading = /^\s*\[([^\]]*)\]\s*(?:#.*)?$/.exec(line)?.[1];
    if (heading !== undefined) {
      inTools = heading.trim() === "tools";
      continue;
    }
    const [, tool, version] = inTools ? (TOOL_LINE.exec(line) ?? []) : [];
    if (tool !== undefined && version !== undefined) yield [tool, version];
  }
}
