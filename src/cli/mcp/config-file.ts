import {
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parse } from "smol-toml";
import { parseDocument } from "../../config/index.ts";
import { codeOf, escapeText, SandboxedError } from "../../policy/index.ts";

/** The text with a table for the server at its end. Errors: `config_schema` when it has one already. */
export function withServer(text: string, name: string, lines: readonly string[]): string {
  const before = parse(text);
  if (hasServer(before, name)) {
    throw new SandboxedError("config_schema", `MCP server ${name} is there already`, {
      hint: `remove it first: sandboxed mcp remove ${name}`,
    });
  }
  const gap = text === "" ? "" : text.endsWith("\n") ? "\n" : "\n\n";
  const after = `${text}${gap}[mcp_servers.${name}]\n${lines.join("\n")}\n`;
  const wanted = { ...before, mcp_servers: { ...serversIn(before), [name]: parse(lines.join("\n")) } };
  return confirmed(after, wanted);
}

/** The text without the server's tables; null when there are none. Errors: `config_schema` for a form it cannot take out. */
export function withoutServer(text: string, name: string): string | null {
  const before = parse(text);
  if (!hasServer(before, name)) return null;
  const others = Object.fromEntries(Object.entries(serversIn(before)).filter(([other]) => other !== name));
  const { mcp_servers: _, ...rest } = before;
  const wanted = Object.keys(others).length === 0 ? rest : { ...before, mcp_servers: others };
  const literal = name.replace(/[^\w-]/g, String.raw`\$&`);
  const quoted = `(?:${literal}|"${literal}"|'${literal}')`;
  const own = new RegExp(String.raw`^\s*\[\s*mcp_servers\s*\.\s*${quoted}\s*(?:\.|\])`);
  const kept: string[] = [];
  let isOwn = false;
  for (const line of text.split("\n")) {
    if (/^\s*\[/.test(line)) isOwn = own.test(line);
    if (!isOwn) kept.push(line);
  }
  return confirmed(kept.join("\n").replace(/\n{3,}/g, "\n\n"), wanted);
}

/** Nothing is written that says anything else besides. */
function confirmed(text: string, wanted: object): string {
  try {
    if (isDeepStrictEqual(plain(parse(text)), plain(wanted))) return text;
  } catch {
    // told below
  }
  throw new SandboxedError("config_schema", "the file is written in a way that cannot be changed safely", {
    hint: "change it in an editor",
  });
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function serversIn(document: Readonly<Record<string, unknown>>): object {
  const servers = document["mcp_servers"];
  return typeof servers === "object" && servers !== null ? servers : {};
}

function hasServer(document: Readonly<Record<string, unknown>>, name: string): boolean {
  return Object.hasOwn(serversIn(document), name);
}

/** Empty where there is no such file. Errors: `config_parse` for one that is no TOML, `config_permissions`. */
export function readText(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return "";
    throw unwritten(file, error);
  }
  void parseDocument(text, file, "user", "you");
  return text;
}

/** All of it or nothing; a link stays one, and the file keeps who may read it. */
export function replaceText(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const isThere = lstatSync(file, { throwIfNoEntry: false }) !== undefined;
    const real = isThere ? realpathSync(file) : file;
    const mode = isThere ? statSync(real).mode & 0o777 : 0o600;
    const draft = `${real}.${process.pid}.new`;
    writeFileSync(draft, text, { flag: "wx", mode });
    try {
      renameSync(draft, real);
    } catch (error) {
      unlinkSync(draft);
      throw error;
    }
  } catch (error) {
    throw unwritten(file, error);
  }
}

function unwritten(file: string, cause: unknown): SandboxedError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new SandboxedError("config_permissions", `${escapeText(file)} was not changed: ${escapeText(why)}`, { cause });
}
