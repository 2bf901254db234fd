import { pathToFileURL } from "node:url";
import type { Client } from "@modelcontextprotocol/client";
import type { McpServer } from "../config/index.ts";
import type { Elicit } from "./elicitation.ts";
import type { Sample } from "./sampling.ts";

/** Who answers what servers ask. */
export interface Answering {
  readonly elicit?: Elicit;
  /** For servers whose entries have `sampling = true`. */
  readonly sample?: Sample;
}

/** What one server may ask; null for what it is told that nobody answers. */
export interface Asks {
  readonly elicit: Elicit | null;
  readonly sample: Sample | null;
  /** The directories it works for. */
  readonly roots: readonly string[] | null;
}

export function asksOf({ sampling, roots }: McpServer, { elicit, sample }: Answering, cwd: string): Asks {
  return { elicit: elicit ?? null, sample: (sampling ? sample : null) ?? null, roots: roots ? [cwd] : null };
}

/** What a client says that it answers. */
export function capabilitiesFor({ elicit, sample, roots }: Asks) {
  return {
    // Fields that a person left as the form has them are answered so.
    ...(elicit !== null && { elicitation: { form: { applyDefaults: true }, url: {} } }),
    ...(sample !== null && { sampling: {} }),
    ...(roots !== null && { roots: {} }),
  };
}

/** Has the client answer that server's questions; `waiting` is told of each answer that is waited for. */
export function answerOn(
  client: Client,
  server: string,
  { elicit, sample, roots }: Asks,
  waiting: <T>(answer: Promise<T>) => Promise<T>,
): void {
  if (elicit !== null) {
    client.setRequestHandler("elicitation/create", ({ params }, { mcpReq }) =>
      waiting(elicit(server, params, mcpReq.signal)),
    );
  }
  if (sample !== null) {
    client.setRequestHandler("sampling/createMessage", ({ params }, { mcpReq }) =>
      waiting(sample(server, params, mcpReq.signal)),
    );
  }
  if (roots !== null) {
    const listed = roots.map((root) => ({ uri: pathToFileURL(root).href }));
    client.setRequestHandler("roots/list", () => ({ roots: listed }));
  }
}
