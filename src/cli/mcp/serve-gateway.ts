import { bearerFor, credentialsIn, gatewayToken, httpGateway, pinsIn } from "../../mcp/index.ts";
import type { McpSurroundings } from "../../mcp/index.ts";
import { SandboxedError } from "../../policy/index.ts";
import type { JournalEvent } from "../../policy/index.ts";
import { toolFolders } from "../../sandbox/index.ts";
import type { Result } from "../command.ts";
import type { Voice } from "../voice.ts";
import type { Fronted } from "./gateway-server.ts";

export interface Serving extends Fronted {
  readonly surroundings: McpSurroundings;
  readonly listen: { readonly host: string; readonly port: number };
  readonly newToken: boolean;
  readonly record: (event: JournalEvent) => void;
  readonly voice: Voice;
  /** Aborted with the error to end with. */
  readonly ending: AbortSignal;
  readonly json: boolean;
}

/** Stands before a server at an address until the process is told to end. Errors: those of `httpGateway`, that of `ending`. */
export async function serveGateway(serving: Serving): Promise<Result> {
  const { server, entry, surroundings, listen, newToken, voice, json, ending } = serving;
  const { environment } = surroundings;
  const { state } = toolFolders(environment);
  const credentials = credentialsIn(state);
  const token = gatewayToken(state, server.name, newToken);
  const counted = { calls: 0, refused: 0 };
  const gateway = await httpGateway({
    server,
    entry,
    surroundings,
    pins: pinsIn(state),
    authProvider: ({ name }, transport, fetch) => bearerFor(name, transport, { credentials, environment, fetch }),
    listen: { ...listen, token: token.text },
    record: (event) => {
      if (event.kind === "mcp.call") counted[event.refused === null ? "calls" : "refused"] += 1;
      serving.record(event);
    },
  });
  const ended = new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => resolve());
    ending.addEventListener("abort", () => resolve());
  });
  const place = `http://${listen.host.includes(":") ? `[${listen.host}]` : listen.host}:${gateway.port}`;
  const configuration = { url: `${place}/mcp`, headers: { Authorization: `Bearer ${token.text}` } };
  const isSeen = token.isNew || process.stderr.isTTY;
  if (json) {
    const address = `${place}/${token.text}/mcp`;
    voice.report({ listening: configuration.url, token: token.text, address, name: server.name });
  } else {
    voice.say(`${server.name} is at ${place}/mcp for clients of this machine that know the token`);
    if (isSeen) {
      voice.say("put this into your client's configuration:", `  ${JSON.stringify(configuration)}`);
      voice.say("or, where there is room for nothing but an address:", `  ${place}/${token.text}/mcp`);
    } else {
      voice.say(`the token is in ${token.file}`);
    }
  }
  if (!ending.aborted) await ended;
  const why: unknown = ending.reason;
  await gateway.close(why instanceof SandboxedError ? why : undefined);
  ending.throwIfAborted();
  return { data: counted, text: "", status: 0 };
}
