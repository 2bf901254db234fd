import { at, escapeText, isSecretVariable, parseDomainPattern, SandboxedError } from "../policy/index.ts";
import type { ArgumentRule, ArgumentRules, Provenance } from "../policy/index.ts";
import { showPath } from "./document.ts";
import type { ConfigLayer } from "./layers.ts";
import { checkServerName, checkTransport } from "./mcp-checks.ts";
import type { RawMcpServer } from "./mcp-schema.ts";

export type ApprovalMode = "auto" | "prompt" | "writes" | "approve";

/** A server that is a program, run in a sandbox of its own. */
export interface McpStdio {
  readonly kind: "stdio";
  readonly command: string;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
  readonly envVars: readonly string[];
  /** Null is the session's. */
  readonly cwd: string | null;
  readonly permissions: string;
  readonly allowedDomains: readonly string[];
}

/** A server somewhere else. Header values are no secrets; those are read from variables when they are sent. */
export interface McpHttp {
  readonly kind: "streamable_http";
  readonly url: string;
  readonly bearerTokenVariable: string | null;
  readonly headers: ReadonlyMap<string, string>;
  readonly variableHeaders: ReadonlyMap<string, string>;
  readonly scopes: readonly string[] | null;
  readonly oauth: McpOAuth;
}

export interface McpOAuth {
  readonly resource: string | null;
  readonly clientId: string | null;
  readonly clientSecretVariable: string | null;
  readonly callbackPort: number | null;
  readonly issuer: string | null;
}

/** One `[mcp_servers.NAME]`, read and checked. Times in milliseconds. */
export interface McpServer {
  readonly name: string;
  readonly provenance: Provenance;
  readonly transport: McpStdio | McpHttp;
  readonly enabled: boolean;
  readonly required: boolean;
  readonly startupTimeout: number;
  readonly toolTimeout: number;
  readonly protocol: "legacy" | "auto" | "2026-07-28";
  /** Null is all of them. */
  readonly enabledTools: readonly string[] | null;
  readonly disabledTools: readonly string[];
  /** Whether it may ask what a model would answer. */
  readonly sampling: boolean;
  /** Whether it is told the directory of the run. */
  readonly roots: boolean;
  readonly approvalMode: ApprovalMode;
  readonly toolApprovalModes: ReadonlyMap<string, ApprovalMode>;
  readonly arguments: ArgumentRules;
}

/** What an entry has that does not say so. */
export const unsaid: Omit<McpServer, "name" | "provenance" | "transport"> = {
  enabled: true,
  required: false,
  startupTimeout: 30_000,
  toolTimeout: 300_000,
  protocol: "legacy",
  enabledTools: null,
  disabledTools: [],
  sampling: false,
  roots: false,
  approvalMode: "auto",
  toolApprovalModes: new Map(),
  arguments: new Map(),
};

/** A server's keys from every layer, and where each of them was written. */
export interface WrittenServer {
  readonly name: string;
  readonly raw: RawMcpServer;
  readonly place: (...keys: readonly string[]) => Provenance;
}

/** Lowest layer first; of one server's keys the highest layer that has a key decides. Errors: `config_schema`. */
export function readMcpServers(layers: readonly ConfigLayer[]): ReadonlyMap<string, McpServer> {
  const names = new Set(layers.flatMap(({ raw }) => Object.keys(raw.mcp_servers ?? {})));
  return new Map([...names].toSorted().map((name) => [name, readServer(written(name, layers))]));
}

function written(name: string, layers: readonly ConfigLayer[]): WrittenServer {
  const holders = layers.flatMap((layer) => {
    const raw = new Map(Object.entries(layer.raw.mcp_servers ?? {})).get(name);
    return raw === undefined ? [] : [{ raw, document: layer.document }];
  });
  return {
    name,
    raw: holders.reduce<RawMcpServer>((lower, { raw }) => ({ ...lower, ...raw }), {}),
    place: (...keys) => {
      const [key] = keys;
      const holder = holders.findLast(({ raw }) => key === undefined || Object.hasOwn(raw, key)) ?? holders.at(-1);
      const path = ["mcp_servers", name, ...keys];
      return (
        holder?.document.provenance(path) ?? { layer: "builtin", file: null, line: null, column: null, owner: "you" }
      );
    },
  };
}

function readServer(server: WrittenServer): McpServer {
  const { name, raw, place } = server;
  checkServerName(server);
  checkTransport(server);
  const tools = Object.entries(raw.tools ?? {});
  return {
    name,
    provenance: place(),
    transport: raw.command === undefined ? readHttp(server) : readStdio(server, raw.command),
    enabled: raw.enabled ?? unsaid.enabled,
    required: raw.required ?? unsaid.required,
    startupTimeout: startupTimeout(server),
    toolTimeout: timeOf(server, "tool_timeout_sec", unsaid.toolTimeout),
    protocol: raw.protocol ?? unsaid.protocol,
    enabledTools: raw.enabled_tools ?? unsaid.enabledTools,
    disabledTools: raw.disabled_tools ?? unsaid.disabledTools,
    sampling: raw.sampling ?? unsaid.sampling,
    roots: raw.roots ?? unsaid.roots,
    approvalMode: raw.default_tools_approval_mode ?? unsaid.approvalMode,
    toolApprovalModes: new Map(
      tools.flatMap(([tool, { approval_mode: mode }]) => (mode === undefined ? [] : [[tool, mode] as const])),
    ),
    arguments: new Map(
      tools.map(([tool, { arguments: rules = {} }]) => [
        tool,
        new Map(
          Object.entries(rules).map(([argument, rule]) => {
            const provenance = place("tools", tool, "arguments", argument);
            return [argument, checkedRule({ ...definedOf(rule), provenance })];
          }),
        ),
      ]),
    ),
  };
}

/** Without keys that hold nothing. */
function definedOf<T extends object>(rule: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(rule).filter(([, value]) => value !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same keys, less those whose value is undefined
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

/** Errors: `config_schema` for a pattern that is none, and a directory that is not absolute. */
export function checkedRule(rule: ArgumentRule): ArgumentRule {
  if (rule.inside !== undefined && !rule.inside.startsWith("/")) {
    throw wrong(rule.provenance, `inside = ${JSON.stringify(rule.inside)} is not an absolute path`, "write it in full");
  }
  if (rule.pattern === undefined) return rule;
  try {
    RegExp(rule.pattern, "u");
  } catch {
    throw wrong(rule.provenance, `${JSON.stringify(rule.pattern)} is not a regular expression`, "correct it");
  }
  return rule;
}

function readStdio(server: WrittenServer, command: string): McpStdio {
  const { name, raw, place } = server;
  if (command === "" || command.includes("\0")) {
    throw wrong(place("command"), `the command of MCP server ${name} is empty`, "name a program");
  }
  for (const [variable, value] of Object.entries(raw.env ?? {})) {
    if (!isSecretVariable(variable) || /^$|^[\d./~]|^(?:true|false)$/.test(value)) continue;
    throw wrong(
      place("env", variable),
      `${showPath(["mcp_servers", name, "env", variable])} looks like a secret, and a file is no place for one`,
      `export it, and write env_vars = [${JSON.stringify(variable)}]`,
    );
  }
  if (raw.cwd !== undefined && !raw.cwd.startsWith("/")) {
    throw wrong(place("cwd"), `cwd = ${JSON.stringify(raw.cwd)} is not an absolute path`, "write it in full");
  }
  for (const domain of raw.allowed_domains ?? []) parseDomainPattern(domain);
  return {
    kind: "stdio",
    command,
    args: raw.args ?? [],
    env: new Map(Object.entries(raw.env ?? {})),
    envVars: raw.env_vars ?? [],
    cwd: raw.cwd ?? null,
    permissions: raw.permissions ?? ":isolated",
    allowedDomains: raw.allowed_domains ?? [],
  };
}

function readHttp({ name, raw, place }: WrittenServer): McpHttp {
  for (const header of Object.keys(raw.http_headers ?? {})) {
    if (!/^(?:proxy-)?authorization$|^cookie$/i.test(header) && !isSecretVariable(header.replaceAll("-", "_")))
      continue;
    throw wrong(
      place("http_headers", header),
      `${showPath(["mcp_servers", name, "http_headers", header])} is a secret, and a file is no place for one`,
      `export it, and write env_http_headers = { ${JSON.stringify(header)} = "NAME_OF_THE_VARIABLE" }`,
    );
  }
  return {
    kind: "streamable_http",
    url: checkedUrl(raw.url ?? "", place("url")),
    bearerTokenVariable: raw.bearer_token_env_var ?? null,
    headers: new Map(Object.entries(raw.http_headers ?? {})),
    variableHeaders: new Map(Object.entries(raw.env_http_headers ?? {})),
    scopes: raw.scopes ?? null,
    oauth: {
      resource: raw.oauth_resource ?? null,
      clientId: raw.oauth?.client_id ?? null,
      clientSecretVariable: raw.oauth?.client_secret_env_var ?? null,
      callbackPort: raw.oauth?.callback_port ?? null,
      issuer:
        raw.oauth?.authorization_server_issuer === undefined
          ? null
          : checkedUrl(raw.oauth.authorization_server_issuer, place("oauth", "authorization_server_issuer")),
    },
  };
}

/** In the one spelling that is compared and dialled. */
function checkedUrl(text: string, provenance: Provenance): string {
  const shown = escapeText(text.replace(/\/\/[^/@]*@/, "//…@"));
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw wrong(provenance, `${shown} is not the address of a server`, 'write "https://…"');
  }
  if (url.username !== "" || url.password !== "") {
    throw wrong(provenance, `${shown} holds a password`, "use bearer_token_env_var or env_http_headers");
  }
  if (url.hash !== "") throw wrong(provenance, `${shown} has a fragment, which no server gets`, "leave it out");
  return url.href;
}

function startupTimeout(server: WrittenServer): number {
  const { raw, place } = server;
  if (raw.startup_timeout_ms === undefined) return timeOf(server, "startup_timeout_sec", unsaid.startupTimeout);
  if (raw.startup_timeout_sec !== undefined) {
    const other = at(place("startup_timeout_sec"));
    throw wrong(
      place("startup_timeout_ms"),
      `startup_timeout_ms and startup_timeout_sec (${other.slice(0, -2)}) cannot both be set`,
      "keep one",
    );
  }
  return checkedTime(raw.startup_timeout_ms, "startup_timeout_ms", server);
}

function timeOf(server: WrittenServer, key: "startup_timeout_sec" | "tool_timeout_sec", otherwise: number): number {
  const seconds = server.raw[key];
  return seconds === undefined ? otherwise : checkedTime(seconds * 1000, key, server);
}

/** Timers count in 32 bits. */
const LONGEST = 2 ** 31 - 1;

function checkedTime(time: number, key: string, { name, place }: WrittenServer): number {
  if (time > 0 && time <= LONGEST) return time;
  throw wrong(
    place(key),
    `${showPath(["mcp_servers", name, key])} must be more than 0 and at most ${LONGEST} ms`,
    "correct the value",
  );
}

export function wrong(provenance: Provenance, problem: string, hint: string): SandboxedError {
  return new SandboxedError("config_schema", `${at(provenance)}${problem}`, { hint });
}
