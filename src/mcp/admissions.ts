import type { McpServer } from "../config/index.ts";
import { SandboxedError } from "../policy/index.ts";
import type { ArgumentRules, McpAllowlist } from "../policy/index.ts";
import { admitted } from "./open.ts";
import type { Admission } from "./rules/identity.ts";
import type { McpSurroundings } from "./surroundings.ts";

export interface AdmittedServer {
  /** Each of them holds. */
  readonly arguments: readonly ArgumentRules[];
  /** How the latest list has it started, as text: what was started otherwise is to be started anew. */
  readonly start: string;
}

/** What an organisation's lists say of the servers of one run: one that comes while it is on holds besides those before. */
export class Admissions {
  readonly #given: McpSurroundings;
  #lists: readonly McpAllowlist[];

  constructor(surroundings: McpSurroundings) {
    const { allowlist } = surroundings;
    this.#given = surroundings;
    this.#lists = allowlist === null ? [] : [allowlist];
  }

  /** What servers are started from. */
  get surroundings(): McpSurroundings {
    return { ...this.#given, allowlist: this.#lists.at(-1) ?? null };
  }

  /** Errors: `mcp_disabled`. */
  of(server: McpServer): AdmittedServer {
    const lists = this.#lists.length === 0 ? [null] : this.#lists;
    const all = lists.map((allowlist) => admitted(server, { ...this.#given, allowlist }));
    return { arguments: [server.arguments, ...all.map((each) => each.arguments)], start: startOf(all.at(-1)) };
  }

  /** Whether that changes anything: what is no list any more takes nothing back. */
  narrow(allowlist: McpAllowlist | null): boolean {
    if (allowlist === null || textOf(allowlist) === textOf(this.#lists.at(-1) ?? null)) return false;
    this.#lists = [...this.#lists, allowlist];
    return true;
  }
}

function startOf(admission: Admission | undefined): string {
  const { program = null, fixed = null } = admission ?? {};
  return JSON.stringify([program, fixed === null ? null : [fixed.cwd, [...fixed.env]]]);
}

function textOf(allowlist: McpAllowlist | null): string {
  return JSON.stringify(allowlist, (_, value: unknown) => (value instanceof Map ? [...value] : value));
}

/** Why a server is out, as `start` and `call` tell it. Errors: whatever else `act` throws. */
export function refusalOf<T>(act: () => T): { readonly value: T } | { readonly refusal: SandboxedError } {
  try {
    return { value: act() };
  } catch (error) {
    if (error instanceof SandboxedError) return { refusal: error };
    throw error;
  }
}
