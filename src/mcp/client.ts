import type { Client, ClientOptions } from "@modelcontextprotocol/client";
import type { McpServer } from "../config/index.ts";
import { version } from "../generated/version.ts";
import { escapeText } from "../policy/index.ts";
import { answerOn, capabilitiesFor } from "./asks.ts";
import type { Asks } from "./asks.ts";

export interface ClientParts {
  readonly server: McpServer;
  readonly asks: Asks;
  /** Told of each answer to the server that is waited for. */
  readonly waiting: <T>(answer: Promise<T>) => Promise<T>;
  readonly onToolsChanged: () => void;
  readonly onOdd: (message: string) => void;
  readonly onClose: (client: Client) => void;
}

/** Without a handshake there is nothing to negotiate. */
const PINNED = "2026-07-28";

/** The SDK's client, connected to nothing yet. */
export async function makeClient({ server, asks, ...parts }: ClientParts): Promise<Client> {
  const { Client: Sdk } = await import("@modelcontextprotocol/client");
  const options: ClientOptions = {
    capabilities: capabilitiesFor(asks),
    versionNegotiation: { mode: server.protocol === PINNED ? { pin: PINNED } : server.protocol },
    listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => parts.onToolsChanged() } },
  };
  const client = new Sdk({ name: "sandboxed-run", version }, options);
  answerOn(client, server.name, asks, parts.waiting);
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has callbacks and no events
  client.onerror = (error) => {
    parts.onOdd(escapeText(error.message));
    // Whoever waits for an answer on that stream would wait for it in vain.
    if (isGivenUp(error)) void client.close().catch(() => {});
  };
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the same
  client.onclose = () => parts.onClose(client);
  return client;
}

/** The SDK says so in words alone. */
function isGivenUp({ message }: Error): boolean {
  return message.startsWith("Maximum reconnection attempts");
}
