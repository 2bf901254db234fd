import { basename } from "node:path";
import { serverNameProblem, unsaid } from "../../config/index.ts";
import type { Config, McpHttp, McpServer } from "../../config/index.ts";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { Provenance } from "../../policy/index.ts";
import { allValues, lastValue } from "../parse.ts";
import type { Parsed } from "../parse.ts";

/** The server that a gateway stands before, and the entry whose lists hold for it; null where there is none. */
export interface Fronted {
  readonly server: McpServer;
  readonly entry: Provenance | null;
}

/** Of a program on the command line. Errors: `usage`. */
export function programOf(parsed: Parsed<string>, config: Config): Fronted {
  const [command, ...args] = parsed.rest;
  if (command === undefined) {
    throw new SandboxedError("usage", "no command was given, and no --upstream", {
      hint: "for example: sandboxed mcp gateway -- docs-mcp",
    });
  }
  const name = checkedName(lastValue(parsed, "name") ?? basename(command).replace(/[^A-Za-z0-9-]/g, "-"));
  return fronted(name, config, {
    kind: "stdio",
    command,
    args,
    env: new Map(),
    envVars: allValues(parsed, "env"),
    cwd: null,
    permissions: lastValue(parsed, "permissions") ?? ":isolated",
    allowedDomains: allValues(parsed, "allow-domain"),
  });
}

/** Of an address, on the command line or in the entry called so. Errors: `usage`. */
export function addressedBy(parsed: Parsed<string>, { mcpServers }: Config): Fronted {
  const wrong = parsed.given.find(({ id }) => ["permissions", "env", "allow-domain"].includes(id));
  if (wrong !== undefined || parsed.rest.length > 0) {
    const what = wrong === undefined ? "a command" : `--${wrong.id}`;
    throw new SandboxedError(
      "usage",
      `${what} belongs to a server that is started; --listen serves one at an address`,
      {
        hint: `leave ${what} out`,
      },
    );
  }
  const given = lastValue(parsed, "upstream");
  const url = given === null ? null : checkedUrl(given);
  const name = checkedName(lastValue(parsed, "name") ?? nameFor(url, mcpServers));
  const entry = mcpServers.get(name)?.transport;
  const own = entry?.kind === "streamable_http" ? entry : null;
  const upstream = url ?? own?.url;
  if (upstream === undefined) {
    throw new SandboxedError("usage", `there is no --upstream, and no entry ${name} with an address`, {
      hint: "for example: --upstream https://hub.example.com/mcp",
    });
  }
  // What an entry sends along is for its own address alone.
  return fronted(name, { mcpServers }, own?.url === upstream ? own : plainly(upstream));
}

function fronted(name: string, { mcpServers }: Pick<Config, "mcpServers">, transport: McpServer["transport"]): Fronted {
  const entry = mcpServers.get(name);
  const server: McpServer = {
    ...unsaid,
    required: true,
    ...entry,
    name,
    provenance: { layer: "flag", file: null, line: null, column: null, owner: "you" },
    transport,
  };
  return { server, entry: entry?.provenance ?? null };
}

function plainly(url: string): McpHttp {
  return {
    kind: "streamable_http",
    url,
    bearerTokenVariable: null,
    headers: new Map(),
    variableHeaders: new Map(),
    scopes: null,
    oauth: { resource: null, clientId: null, clientSecretVariable: null, callbackPort: null, issuer: null },
  };
}

/** The entry that has this address, else after its host. */
function nameFor(url: string | null, servers: ReadonlyMap<string, McpServer>): string {
  if (url === null) {
    throw new SandboxedError("usage", "neither --upstream nor --name says which server is meant", {
      hint: "for example: --upstream https://hub.example.com/mcp",
    });
  }
  const same = [...servers.values()].filter(
    ({ transport }) => transport.kind === "streamable_http" && transport.url === url,
  );
  return same.length === 1 && same[0] !== undefined
    ? same[0].name
    : new URL(url).hostname.replace(/[^A-Za-z0-9-]/g, "-").replace(/^-+/, "");
}

function checkedName(name: string): string {
  const problem = serverNameProblem(name);
  if (problem === null) return name;
  throw new SandboxedError("usage", `${escapeText(name)}: ${problem.message}`, { hint: "write --name NAME" });
}

/** In the one spelling that allowlists are compared with. */
function checkedUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isPlain = url !== null && url.username === "" && url.password === "" && url.hash === "";
  if (isPlain && (url.protocol === "http:" || url.protocol === "https:")) return url.href;
  const shown = escapeText(text.replace(/\/\/[^/@]*@/, "//…@"));
  throw new SandboxedError(
    "usage",
    `--upstream ${shown} is not the address of a server, without password or fragment`,
    {
      hint: "for example: --upstream https://hub.example.com/mcp",
    },
  );
}
