import type { Readable, Writable } from "node:stream";
import type { McpServer } from "../../config/index.ts";
import { SandboxedError } from "../../policy/index.ts";
import type { JournalEvent, Provenance } from "../../policy/index.ts";
import { admitted, processOf } from "../open.ts";
import type { AuthProviderOf } from "../open.ts";
import type { Pins } from "../rules/pins.ts";
import type { McpSurroundings } from "../surroundings.ts";
import { HeldServer } from "./held-server.ts";
import type { Listening as HttpGateway, ListenOptions } from "./http/serve.ts";
import { relayLines } from "./line-relay.ts";
import { RelayRules } from "./relay-rules.ts";

interface Parts {
  readonly server: McpServer;
  readonly surroundings: McpSurroundings;
  readonly pins: Pins;
  /** Of the entry whose lists of tools hold; null where there is none. */
  readonly entry: Provenance | null;
  readonly record: (event: JournalEvent) => void;
}

export interface GatewayOptions extends Parts {
  readonly client: { readonly input: Readable; readonly output: Writable };
  /** Aborted with the error to end with. */
  readonly ending: AbortSignal;
}

/** Serves one client with one server's program until either has gone. Errors: `mcp_server`, those of `prepare`, that of `ending`. */
export async function gateway({ client, ending, ...parts }: GatewayOptions): Promise<void> {
  const { server, surroundings } = parts;
  const process = processOf(server, admitted(server, surroundings), surroundings, true);
  const waits = { list: server.startupTimeout, read: server.toolTimeout };
  await relayLines(client, process, await rulesOf(parts), waits, ending);
}

export interface HttpGatewayOptions extends Parts {
  readonly authProvider: AuthProviderOf | null;
  readonly listen: ListenOptions;
}

/** Serves clients on this machine with a server at an address. Errors: `mcp_server`, `mcp_auth`, those of `prepare`. */
export async function httpGateway({ authProvider, listen, ...parts }: HttpGatewayOptions): Promise<HttpGateway> {
  const { server, surroundings } = parts;
  const { transport } = server;
  if (transport.kind === "stdio") throw new SandboxedError("internal", `${server.name} has no address`);
  const rules = await rulesOf(parts);
  const [{ openUpstream }, { serveGateway }] = await Promise.all([
    import("./http/upstream.ts"),
    import("./http/serve.ts"),
  ]);
  const upstream = await openUpstream(server, transport, surroundings, authProvider);
  return serveGateway(listen, { upstream, rules, timeout: server.toolTimeout });
}

/** Held to what becomes of the run's requirements. Errors: `mcp_disabled`. */
async function rulesOf({ server, surroundings, entry, pins, record }: Parts): Promise<RelayRules> {
  const { live } = surroundings;
  const since = live?.generation;
  const held = new HeldServer(server, surroundings);
  await live?.join(held.part, since);
  return new RelayRules({ server, entry, held, pins, record });
}
