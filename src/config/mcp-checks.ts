import { at, placeOf, SandboxedError } from "../policy/index.ts";
import { showPath } from "./document.ts";
import type { RawMcpServer } from "./mcp-schema.ts";
import type { WrittenServer } from "./mcp-servers.ts";

type Key = keyof RawMcpServer;

const stdioKeys: readonly Key[] = ["command", "args", "env", "env_vars", "cwd", "permissions", "allowed_domains"];

const httpKeys: readonly Key[] = [
  "url",
  "bearer_token_env_var",
  "http_headers",
  "env_http_headers",
  "scopes",
  "oauth_resource",
  "oauth",
];

/** `mcp.<server>.<tool>` and `mcp__<server>__<tool>` must come apart again in one way. */
const serverName = /^[A-Za-z0-9](?:[A-Za-z0-9-]|_(?!_|$)){0,63}$/;

/** Errors: `config_schema`. */
export function checkServerName({ name, place }: WrittenServer): void {
  const problem = serverNameProblem(name);
  if (problem === null) return;
  throw new SandboxedError("config_schema", `${at(place())}${problem.message}`, { hint: problem.hint });
}

/** What is wrong with a name; null when nothing is. */
export function serverNameProblem(name: string): { readonly message: string; readonly hint: string } | null {
  if (serverName.test(name)) return null;
  return {
    message: `${showPath([name])} is not a name for an MCP server`,
    hint: "letters, digits, - and single _, starting with a letter or digit, not ending with _, 64 at most",
  };
}

/** Errors: `config_schema` when keys of both transports are there, or those of none. */
export function checkTransport({ name, raw, place }: WrittenServer): void {
  const has = (key: Key): boolean => raw[key] !== undefined;
  const kind = has("command") ? "stdio" : has("url") ? "streamable_http" : null;
  const shown = (key: Key): string => showPath(["mcp_servers", name, key]);
  const stdio = stdioKeys.find(has);
  const http = httpKeys.find(has);
  if (stdio !== undefined && http !== undefined) {
    // Told at the key that does not belong to the transport named first.
    const odd = kind === "stdio" ? http : stdio;
    const other = kind === "stdio" ? stdio : http;
    const transport = kind ?? "streamable_http";
    throw new SandboxedError(
      "config_schema",
      `${at(place(odd))}${shown(odd)} is not supported for ${transport}, which ${shown(other)} makes it${placed(placeOf(place(other)))}`,
      { hint: "a server is either a command (stdio) or a url (streamable HTTP); keep the keys of one" },
    );
  }
  if (kind !== null) return;
  const lonely = stdio ?? http;
  const besides = lonely === undefined ? "" : `: ${shown(lonely)} alone is no transport`;
  throw new SandboxedError("config_schema", `${at(place())}MCP server ${name} has neither command nor url${besides}`, {
    hint: 'write command = "program", or url = "https://…"',
  });
}

function placed(place: string): string {
  return place === "" ? "" : ` (${place})`;
}
