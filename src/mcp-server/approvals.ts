import { createHash, randomBytes, randomUUID } from "node:crypto";
import type * as ServerSdk from "@modelcontextprotocol/server";
import type { RequestStateCodec, ServerContext } from "@modelcontextprotocol/server";
import type { RunRequest } from "./orchestrator.ts";

type Sdk = Pick<typeof ServerSdk, "createRequestStateCodec" | "inputRequired" | "inputResponse">;

/** What travels with a question and comes back with its answer. */
interface Asked {
  /** Over what was shown and what will be run. */
  readonly digest: string;
  readonly nonce: string;
  /** By the clock of this process, which nobody sets back. */
  readonly at: number;
}

const KEY = "approve";
const TTL_SECONDS = 600;
const TTL_MS = TTL_SECONDS * 1000;
const MOST_USED = 10_000;

/**
 * Questions to the person at the client. An answer counts once, for the very run that was shown, from the client that was
 * asked, for ten minutes, and in this process alone.
 */
export class Approvals {
  readonly #sdk: Sdk;
  readonly #codec: RequestStateCodec<Asked>;
  readonly #now: () => number;
  /** Until when each would have counted. */
  readonly #used = new Map<string, number>();

  constructor(sdk: Sdk, now = (): number => performance.now()) {
    this.#sdk = sdk;
    this.#now = now;
    this.#codec = sdk.createRequestStateCodec<Asked>({
      key: randomBytes(32),
      ttlSeconds: TTL_SECONDS,
      bind: ({ http }) => http?.authInfo?.clientId ?? "",
    });
  }

  /** For the options of a server. */
  get requestState(): { readonly verify: (state: string, context: ServerContext) => Promise<Asked> } {
    return { verify: (state, context) => this.#codec.verify(state, context) };
  }

  /** The question for a run. */
  async question(text: string, request: RunRequest, context: ServerContext) {
    const { inputRequired } = this.#sdk;
    const state: Asked = { digest: digestOf(text, request), nonce: randomUUID(), at: this.#now() };
    return inputRequired({
      inputRequests: {
        [KEY]: inputRequired.elicit({
          message: text,
          requestedSchema: {
            type: "object",
            properties: { approve: { type: "boolean", title: "Run it?" } },
            required: ["approve"],
          },
        }),
      },
      requestState: await this.#codec.mint(state, context),
    });
  }

  /** What was answered about this very run: null when nothing was. */
  answer(text: string, request: RunRequest, { mcpReq }: ServerContext): boolean | null {
    const asked = mcpReq.requestState<Asked>();
    const response = this.#sdk.inputResponse(mcpReq.inputResponses, KEY);
    if (asked === undefined || response.kind !== "elicit") return null;
    const until = asked.at + TTL_MS;
    this.#forget();
    if (until < this.#now() || this.#used.size >= MOST_USED) return null;
    if (asked.digest !== digestOf(text, request) || this.#used.has(asked.nonce)) return null;
    this.#used.set(asked.nonce, until);
    return response.action === "accept" && response.content?.["approve"] === true;
  }

  /** What is too old to count needs no remembering. */
  #forget(): void {
    for (const [nonce, until] of this.#used) if (until < this.#now()) this.#used.delete(nonce);
  }
}

function digestOf(text: string, request: RunRequest): string {
  const { command, directory, input, timeout, permissions } = request;
  const words = JSON.stringify([text, command, directory, input, timeout, permissions]);
  return createHash("sha256").update(words).digest("hex");
}
