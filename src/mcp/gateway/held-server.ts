import type { McpServer } from "../../config/index.ts";
import { placeOf, SandboxedError } from "../../policy/index.ts";
import type { ArgumentRules, McpAllowlist } from "../../policy/index.ts";
import type { Part } from "../../reload/index.ts";
import { Admissions, refusalOf } from "../admissions.ts";
import type { McpSurroundings } from "../surroundings.ts";

/** What an organisation's lists say of the one server behind a gateway, at any time. */
export class HeldServer {
  readonly #server: McpServer;
  readonly #admissions: Admissions;
  readonly #start: string;
  #arguments: readonly ArgumentRules[];
  #refusal: SandboxedError | null = null;

  /** Errors: `mcp_disabled`. */
  constructor(server: McpServer, surroundings: McpSurroundings) {
    this.#server = server;
    this.#admissions = new Admissions(surroundings);
    const { start, arguments: rules } = this.#admissions.of(server);
    this.#start = start;
    this.#arguments = rules;
  }

  /** Each of them holds. */
  get arguments(): readonly ArgumentRules[] {
    return this.#arguments;
  }

  /** Why it may not be used any more. */
  get refusal(): SandboxedError | null {
    return this.#refusal;
  }

  /** Ends the run where the server may not be used any more, or not in the way it was started. */
  readonly part: Part = {
    narrow: ({ requirements }) => {
      for (const { mcpAllowlist } of requirements) this.#narrow(mcpAllowlist);
      return this.#refusal === null ? Promise.resolve([]) : Promise.reject(this.#refusal);
    },
  };

  #narrow(allowlist: McpAllowlist | null): void {
    if (this.#refusal !== null || allowlist === null || !this.#admissions.narrow(allowlist)) return;
    const answer = refusalOf(() => this.#admissions.of(this.#server));
    if ("refusal" in answer) {
      this.#refusal = answer.refusal;
    } else if (answer.value.start !== this.#start) {
      this.#refusal = startedOtherwise(this.#server, allowlist);
    } else {
      this.#arguments = answer.value.arguments;
    }
  }
}

/** Its client has begun a session with it, which nobody can take to another. */
function startedOtherwise({ name }: McpServer, { servers, provenance }: McpAllowlist): SandboxedError {
  const place = placeOf(servers.get(name)?.provenance ?? provenance);
  return new SandboxedError(
    "mcp_disabled",
    `MCP server ${name} is disabled: requirements (${place}): it is to be started in another way than it was`,
    { hint: "start the gateway anew" },
  );
}
