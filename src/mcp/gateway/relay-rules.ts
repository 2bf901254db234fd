import type { McpServer } from "../../config/index.ts";
import { escapeText } from "../../policy/index.ts";
import type { ArgumentRules, JournalEvent } from "../../policy/index.ts";
import { isTable } from "../catalogue.ts";
import type { JsonTable, ToolDefinition } from "../catalogue.ts";
import { isListed } from "../rules/approval.ts";
import { brokenRule } from "../rules/arguments.ts";
import { digestOf } from "../rules/pins.ts";
import type { Pins } from "../rules/pins.ts";

export interface RelayRulesOptions {
  readonly server: McpServer;
  readonly arguments: readonly ArgumentRules[];
  readonly pins: Pins;
  readonly record: (event: JournalEvent) => void;
}

/** What stands between a client and a server: which calls pass, and which tools a list shows. */
export class RelayRules {
  readonly #options: RelayRulesOptions;
  readonly #known = new Map<string, ToolDefinition>();

  constructor(options: RelayRulesOptions) {
    this.#options = options;
  }

  /** Whether the definition of the tool that a call names has been seen. */
  knows({ params }: JsonTable): boolean {
    return isTable(params) && typeof params["name"] === "string" && this.#known.has(params["name"]);
  }

  /** Why a call does not pass, as its caller is told; null when it passes. Either way it is recorded. */
  refusal({ params }: JsonTable): string | null {
    const name = isTable(params) && typeof params["name"] === "string" ? params["name"] : "";
    const reason = this.#reason(name, isTable(params) ? params["arguments"] : undefined);
    this.#options.record({ kind: "mcp.call", server: this.#options.server.name, tool: name, refused: reason });
    return reason;
  }

  /** Notes what a page of tools says. Returns the page without tools that may not be called, or the very same page. */
  list(result: unknown): unknown {
    if (!isTable(result) || !Array.isArray(result["tools"])) return result;
    const tools: readonly unknown[] = result["tools"];
    const left = tools.filter((tool) => {
      if (!isDefinition(tool)) return false;
      this.#known.set(tool.name, tool);
      return this.#toolReason(tool.name) === null;
    });
    return left.length === tools.length ? result : { ...result, tools: left };
  }

  /** They have to be read again. */
  forget(): void {
    this.#known.clear();
  }

  #reason(name: string, given: unknown): string | null {
    const refused = this.#toolReason(name);
    if (refused !== null) return refused;
    for (const rules of this.#options.arguments) {
      const broken = brokenRule(rules, name, given);
      if (broken !== null) return broken;
    }
    return null;
  }

  #toolReason(name: string): string | null {
    const { server, pins } = this.#options;
    const shown = escapeText(name);
    if (!isListed(server, name)) return `${shown} is not allowed by the entry of ${server.name}`;
    const definition = this.#known.get(name);
    if (definition === undefined) return `${server.name} has no tool ${shown}`;
    try {
      const pin = pins.pinned(server.name, definition);
      if (pin.digest === digestOf(definition)) return null;
      return `${shown} is no longer what it was when it was first used or approved (${pin.since})`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

function isDefinition(value: unknown): value is ToolDefinition {
  return isTable(value) && typeof value["name"] === "string";
}
