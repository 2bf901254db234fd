import { readFileSync } from "node:fs";
import type { AuthProvider, JSONRPCMessage } from "@modelcontextprotocol/client";
import type { McpHttp, McpServer } from "../config/index.ts";
import { checkPrepared } from "../gate/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import { prepare } from "../sandbox/index.ts";
import type { OpenedWay } from "./connection.ts";
import type { DoorFetch } from "./http/door-fetch.ts";
import { admit } from "./rules/identity.ts";
import type { Admission } from "./rules/identity.ts";
import { serverProcess } from "./stdio/server-process.ts";
import type { ServerProcess } from "./stdio/server-process.ts";
import { StdioTransport } from "./stdio/transport.ts";
import { httpRequest, stdioRequest } from "./surroundings.ts";
import type { McpSurroundings } from "./surroundings.ts";

/** The token of a server's login; null where there is none. */
export type AuthProviderOf = (server: McpServer, transport: McpHttp, fetch: DoorFetch) => Promise<AuthProvider | null>;

/** A server that may be used. Errors: `mcp_disabled`. */
export function admitted(server: McpServer, surroundings: McpSurroundings): Admission {
  if (!server.enabled) throw disabled(server, "enabled = false");
  const answer = admit(server, surroundings.allowlist);
  if (!answer.ok) throw disabled(server, answer.reason);
  return answer.value;
}

function disabled({ name }: McpServer, reason: string): SandboxedError {
  return new SandboxedError("mcp_disabled", `MCP server ${name} is disabled: ${reason}`, {
    hint: reason.startsWith("requirements")
      ? "name and identity both have to match what your organisation allows"
      : `enable it: -c mcp_servers.${name}.enabled=true`,
  });
}

/** Opens a way to a server: its program in a sandbox, or its address through the door. Errors: `mcp_server`, those of `prepare`. */
export async function openWay(
  server: McpServer,
  surroundings: McpSurroundings,
  authProvider: AuthProviderOf | null = null,
): Promise<OpenedWay> {
  const admission = admitted(server, surroundings);
  return server.transport.kind === "stdio"
    ? openStdio(server, admission, surroundings)
    : openHttp(server, server.transport, surroundings, authProvider);
}

async function openStdio(server: McpServer, admission: Admission, surroundings: McpSurroundings): Promise<OpenedWay> {
  const { parseJSONRPCMessage } = await import("@modelcontextprotocol/client");
  const process = processOf(server, admission, surroundings);
  const parse = (value: unknown): JSONRPCMessage => parseJSONRPCMessage(value);
  const transport = new StdioTransport(process, parse);
  return { transport, failure: () => transport.failure, lastWords: () => process.lastWords() };
}

/** The program of an admitted server, to be started. Errors: `mcp_server`. */
export function processOf(server: McpServer, admission: Admission, surroundings: McpSurroundings): ServerProcess {
  if (server.transport.kind !== "stdio") throw new SandboxedError("internal", `${server.name} is no program`);
  const request = stdioRequest(server, server.transport, admission, surroundings);
  return serverProcess({
    request,
    session: surroundings.openSession(server.name),
    confirm: (prepared) => {
      checkPrepared(request.policy, prepared);
      const changed = admission.fixed?.recheck() ?? null;
      if (changed !== null) throw disabled(server, `requirements: ${changed}`);
    },
  });
}

async function openHttp(
  server: McpServer,
  transport: McpHttp,
  surroundings: McpSurroundings,
  authProvider: AuthProviderOf | null,
): Promise<OpenedWay> {
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const url = new URL(transport.url);
  let failure: Error | null = null;
  const fetch = await fetchFor(server, transport, surroundings, (error) => {
    failure ??= error;
    // Whoever waits for an answer on that stream would wait for it in vain.
    void way.close().catch(() => {});
  });
  // A token that the entry names is the one to send.
  const headers = headersOf(server, transport, surroundings.environment);
  const isNamed = Object.keys(headers).some((header) => header.toLowerCase() === "authorization");
  const provider = isNamed ? null : ((await authProvider?.(server, transport, fetch)) ?? null);
  const way = new StreamableHTTPClientTransport(url, {
    fetch,
    requestInit: { headers },
    ...(provider !== null && { authProvider: provider }),
    reconnectionOptions: {
      initialReconnectionDelay: 250,
      maxReconnectionDelay: 30_000,
      reconnectionDelayGrowFactor: 2,
      maxRetries: 5,
    },
  });
  return { transport: way, failure: () => failure, lastWords: () => "" };
}

/** `serverFetch`, with bounds on each answer: for whoever understands answers with a library. */
export async function fetchFor(
  server: McpServer,
  transport: McpHttp,
  surroundings: McpSurroundings,
  onBroken: (error: Error) => void = () => {},
): Promise<DoorFetch> {
  const { boundedFetch } = await import("./http/bounded.ts");
  return boundedFetch(await serverFetch(server, transport, surroundings), onBroken);
}

/** What reaches a server and, where its entry names one, the authorization server that goes with it. Answers are as they come. */
export async function serverFetch(
  server: McpServer,
  { url, oauth }: McpHttp,
  surroundings: McpSurroundings,
): Promise<DoorFetch> {
  const [{ makeGate, makeResolver, parseHosts }, { doorFetch }] = await Promise.all([
    import("../network/index.ts"),
    import("./http/door-fetch.ts"),
  ]);
  const places = [url, ...(oauth.issuer === null ? [] : [oauth.issuer])].map((place) => new URL(place));
  const { resolved } = prepare({ ...httpRequest(server, places, surroundings), session: { id: "" } });
  const gate = makeGate({ policy: resolved, resolver: makeResolver({ hosts: parseHosts(hostsText()) }) });
  return doorFetch(gate);
}

function hostsText(): string {
  try {
    return readFileSync("/etc/hosts", "utf8");
  } catch {
    return ""; // every name is asked of the resolver
  }
}

/** With secrets read now, from the variables that the entry names. Errors: `mcp_auth`. */
export function headersOf(
  { name }: McpServer,
  { headers, variableHeaders, bearerTokenVariable }: McpHttp,
  environment: ReadonlyMap<string, string>,
): Record<string, string> {
  const value = (variable: string): string => {
    const found = environment.get(variable) ?? "";
    if (found !== "") return found;
    throw new SandboxedError(
      "mcp_auth",
      `MCP server ${name} wants the variable ${escapeText(variable)}, which is not set`,
      {
        hint: `export ${variable}`,
      },
    );
  };
  return {
    ...Object.fromEntries(headers),
    ...Object.fromEntries([...variableHeaders].map(([header, variable]) => [header, value(variable)])),
    ...(bearerTokenVariable === null ? {} : { authorization: `Bearer ${value(bearerTokenVariable)}` }),
  };
}
