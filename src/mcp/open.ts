import type { AuthProvider, JSONRPCMessage, Transport } from "@modelcontextprotocol/client";
import type { McpHttp, McpServer } from "../config/index.ts";
import { checkPrepared } from "../gate/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { BoundPolicy } from "../policy/index.ts";
import { runningPart } from "../reload/index.ts";
import type { LiveTerms, RunningPart } from "../reload/index.ts";
import type { PrepareRequest, Running } from "../sandbox/index.ts";
import type { OpenedWay } from "./connection.ts";
import type { DoorFetch } from "./http/door-fetch.ts";
import { admit } from "./rules/identity.ts";
import type { Admission } from "./rules/identity.ts";
import { serverProcess } from "./stdio/server-process.ts";
import type { ServerProcess } from "./stdio/server-process.ts";
import { StdioTransport } from "./stdio/transport.ts";
import { currentOf, stdioRequest } from "./surroundings.ts";
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

/** The program of an admitted server, to be started. `isAll`: the run ends with it. Errors: `mcp_server`. */
export function processOf(
  server: McpServer,
  admission: Admission,
  surroundings: McpSurroundings,
  isAll = false,
): ServerProcess {
  if (server.transport.kind !== "stdio") throw new SandboxedError("internal", `${server.name} is no program`);
  const { transport } = server;
  const { live } = surroundings;
  const now = currentOf(surroundings);
  const requestBy = (policy: BoundPolicy): Omit<PrepareRequest, "session"> =>
    stdioRequest(server, transport, admission, { ...now, policy });
  const request = requestBy(now.policy);
  const session = surroundings.openSession(server.name);
  const part = {
    name: `MCP server ${server.name}`,
    request: { ...request, session },
    own: (policy: BoundPolicy) => requestBy(policy).policy,
    isAll,
  };
  return serverProcess({
    request,
    session,
    managed: now.managed,
    ...(live !== undefined && { hold: holding(live, part) }),
    confirm: (prepared) => {
      checkPrepared(request.policy, prepared);
      const changed = admission.fixed?.recheck() ?? null;
      if (changed !== null) throw disabled(server, `requirements: ${changed}`);
    },
  });
}

/** Holds the program to what becomes of the run's terms from now on, until it has ended. */
function holding(live: LiveTerms, part: Omit<RunningPart, "running" | "began">): (running: Running) => Promise<void> {
  const { terms: began, generation } = live;
  return async (running) => {
    const leave = await live.join(runningPart({ ...part, began, running }), generation);
    running.outcome.then(leave, leave);
  };
}

async function openHttp(
  server: McpServer,
  transport: McpHttp,
  surroundings: McpSurroundings,
  authProvider: AuthProviderOf | null,
): Promise<OpenedWay> {
  const [{ StreamableHTTPClientTransport }, { serverFetch }, { boundedFetch }] = await Promise.all([
    import("@modelcontextprotocol/client"),
    import("./http/server-fetch.ts"),
    import("./http/bounded.ts"),
  ]);
  let failure: Error | null = null;
  let way: Transport | null = null;
  const broken = (error: Error): void => {
    failure ??= error;
    // Whoever waits for an answer on that stream would wait for it in vain.
    way?.close().catch(() => {});
  };
  const headers = headersOf(server, transport, surroundings.environment);
  const { fetch: reaching, leave } = await serverFetch(server, transport, surroundings, broken);
  const fetch = boundedFetch(reaching, broken);
  // A token that the entry names is the one to send.
  const isNamed = Object.keys(headers).some((header) => header.toLowerCase() === "authorization");
  const loggedIn = isNamed ? null : authProvider?.(server, transport, fetch);
  loggedIn?.catch(leave);
  const provider = (await loggedIn) ?? null;
  const opened = new StreamableHTTPClientTransport(new URL(transport.url), {
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
  const close = opened.close.bind(opened);
  opened.close = () => {
    leave();
    return close();
  };
  way = opened;
  return { transport: opened, failure: () => failure, lastWords: () => "" };
}

/** What reaches a server for a while, as when somebody logs in; with bounds on each answer. */
export async function fetchFor(
  server: McpServer,
  transport: McpHttp,
  surroundings: McpSurroundings,
): Promise<DoorFetch> {
  const [{ serverFetch }, { boundedFetch }] = await Promise.all([
    import("./http/server-fetch.ts"),
    import("./http/bounded.ts"),
  ]);
  const { fetch } = await serverFetch(server, transport, surroundings);
  return boundedFetch(fetch, () => {});
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
