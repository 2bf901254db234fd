import type { Readable, Writable } from "node:stream";
import type { McpServer } from "../../config/index.ts";
import type { JournalEvent } from "../../policy/index.ts";
import { admitted, processOf } from "../open.ts";
import type { Pins } from "../rules/pins.ts";
import type { McpSurroundings } from "../surroundings.ts";
import { relayLines } from "./line-relay.ts";
import { RelayRules } from "./relay-rules.ts";

export interface GatewayOptions {
  readonly server: McpServer;
  readonly surroundings: McpSurroundings;
  readonly pins: Pins;
  readonly client: { readonly input: Readable; readonly output: Writable };
  readonly record: (event: JournalEvent) => void;
}

/** Serves one client with one server's program until either has gone. Errors: `mcp_server`, those of `prepare`. */
export async function gateway({ server, surroundings, pins, client, record }: GatewayOptions): Promise<void> {
  const admission = admitted(server, surroundings);
  const rules = new RelayRules({ server, arguments: [server.arguments, admission.arguments], pins, record });
  await relayLines(client, processOf(server, admission, surroundings), rules);
}
