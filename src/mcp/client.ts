import type { Client, ClientOptions, ElicitRequestParams, ElicitResult } from "@modelcontextprotocol/client";
import type { McpServer } from "../config/index.ts";
import { version } from "../generated/version.ts";
import { escapeText } from "../policy/index.ts";

export interface ClientParts {
  readonly protocol: McpServer["protocol"];
  /** Null tells the server that nobody can be asked. */
  readonly elicit: ((params: ElicitRequestParams, signal: AbortSignal) => Promise<ElicitResult>) | null;
  readonly onToolsChanged: () => void;
  readonly onOdd: (message: string) => void;
  readonly onClose: (client: Client) => void;
}

/** The SDK's client, connected to nothing yet. Sampling and roots are never offered. */
export async function makeClient({ protocol, elicit, ...parts }: ClientParts): Promise<Client> {
  const { Client: Sdk } = await import("@modelcontextprotocol/client");
  const options: ClientOptions = {
    // Fields that a person left as the form has them are answered so.
    capabilities: elicit === null ? {} : { elicitation: { form: { applyDefaults: true }, url: {} } },
    versionNegotiation: { mode: protocol === "2026-07-28" ? { pin: protocol } : protocol },
    listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => parts.onToolsChanged() } },
  };
  const client = new Sdk({ name: "sandboxed-run", version }, options);
  if (elicit !== null) {
    client.setRequestHandler("elicitation/create", ({ params }, { mcpReq }) => elicit(params, mcpReq.signal));
  }
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
