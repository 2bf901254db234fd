import { readFileSync } from "node:fs";
import type { McpHttp, McpServer } from "../../config/index.ts";
import { at, SandboxedError } from "../../policy/index.ts";
import type { BoundPolicy, ResolvedPolicy } from "../../policy/index.ts";
import type { Part, Terms } from "../../reload/index.ts";
import { prepare } from "../../sandbox/index.ts";
import { currentOf, httpRequest } from "../surroundings.ts";
import type { McpSurroundings } from "../surroundings.ts";
import type { DoorFetch } from "./door-fetch.ts";

/** What reaches a server and, where its entry names one, the authorization server that goes with it. */
export interface ServerFetch {
  /** Answers are as they come. */
  readonly fetch: DoorFetch;
  /** From then on nobody holds it to what becomes of the run's policy. */
  readonly leave: () => void;
}

/** Held to what becomes of the run's policy. `onLost`: the server may not be reached any more. Errors: those of `prepare`. */
export async function serverFetch(
  server: McpServer,
  { url, oauth }: McpHttp,
  given: McpSurroundings,
  onLost: (error: SandboxedError) => void = () => {},
): Promise<ServerFetch> {
  const [{ makeGate, makeResolver, parseHosts }, { openFetch }] = await Promise.all([
    import("../../network/index.ts"),
    import("./door-fetch.ts"),
  ]);
  const { live } = given;
  const since = live?.generation ?? 0;
  const surroundings = currentOf(given);
  const places = [url, ...(oauth.issuer === null ? [] : [oauth.issuer])].map((place) => new URL(place));
  const resolvedBy = (bound: BoundPolicy): ResolvedPolicy =>
    prepare({ ...httpRequest(server, places, { ...surroundings, policy: bound }), session: { id: "" } }).resolved;
  const policy = resolvedBy(surroundings.policy);
  const gate = makeGate({ policy, resolver: makeResolver({ hosts: parseHosts(hostsText()) }) });
  const { fetch, refusalOf, review, close } = openFetch(gate);
  if (live === undefined) return { fetch, leave: () => {} };

  const narrow = async ({ policy: bound }: Terms): Promise<string | null> => {
    try {
      gate.update(resolvedBy(bound));
    } catch (error) {
      if (error instanceof SandboxedError) return error.message;
      throw error;
    }
    review();
    const refusal = await refusalOf(new URL(url));
    const provenance = refusal?.decision?.provenance ?? null;
    return refusal === null ? null : `${provenance === null ? "" : at(provenance)}${refusal.message}`;
  };
  const part: Part = {
    async narrow(terms) {
      const why = await narrow(terms);
      if (why === null) return [];
      const error = new SandboxedError("mcp_disabled", `it may not be reached any more: ${why}`);
      close(error);
      onLost(error);
      return [`MCP server ${server.name} may not be reached any more: ${why}`];
    },
  };
  return { fetch, leave: await live.join(part, since) };
}

function hostsText(): string {
  try {
    return readFileSync("/etc/hosts", "utf8");
  } catch {
    return ""; // every name is asked of the resolver
  }
}
