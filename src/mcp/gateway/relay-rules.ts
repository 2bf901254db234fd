import type { McpServer } from "../../config/index.ts";
import { at, escapeText } from "../../policy/index.ts";
import type { JournalEvent, Provenance } from "../../policy/index.ts";
import { isDefinition, isTable, LONGEST_NAME, MOST_TOOLS } from "../catalogue.ts";
import type { JsonTable, ToolDefinition } from "../catalogue.ts";
import type { HeldServer } from "./held-server.ts";
import { isListed } from "../rules/approval.ts";
import { brokenRule } from "../rules/arguments.ts";
import { hiddenCharacters } from "../rules/hidden.ts";
import { digestOf } from "../rules/pins.ts";
import type { Pins } from "../rules/pins.ts";

export interface RelayRulesOptions {
  readonly server: McpServer;
  /** Where the lists of tools were written; null where they were not. */
  readonly entry: Provenance | null;
  /** What its organisation says of it, now. */
  readonly held: Pick<HeldServer, "arguments" | "refusal">;
  readonly pins: Pins;
  readonly record: (event: JournalEvent) => void;
}

/** What stands between a client and a server, whatever they speak over: which calls pass, which tools a list shows. */
export class RelayRules {
  readonly #options: RelayRulesOptions;
  readonly #known = new Map<string, ToolDefinition>();
  readonly #names = new Set<string>();
  readonly #flagged = new Set<string>();

  constructor(options: RelayRulesOptions) {
    this.#options = options;
  }

  /** The definition of the tool that a call names, as it was seen last; null when it has not been. */
  definition({ params }: JsonTable): ToolDefinition | null {
    return this.#known.get(nameIn(params)) ?? null;
  }

  /**
   * Why a call does not pass, as its caller is told; null when it passes. Either way it is recorded. `readings` are the
   * arguments as somebody else might read them.
   */
  refusal({ params }: JsonTable, readings: readonly unknown[] = []): string | null {
    const name = nameIn(params);
    const given = isTable(params) ? params["arguments"] : undefined;
    const { refusal } = this.#options.held;
    const reason = refusal?.message ?? this.#toolReason(name) ?? this.#argumentReason(name, [given, ...readings]);
    this.#record(name, reason);
    return reason;
  }

  /** Records a message that does not pass whatever it asks for. `params` are those of a call. */
  refused(reason: string, params: unknown = null): void {
    this.#record(nameIn(params), reason);
  }

  /** Notes what a page of tools says. Returns the page without tools that may not be called, or the very same page. */
  list(result: unknown): unknown {
    if (!isTable(result) || !Array.isArray(result["tools"])) return result;
    const tools: readonly unknown[] = result["tools"];
    const left = tools.filter((tool) => {
      if (!isDefinition(tool) || !this.#hasRoom(tool)) return false;
      this.#known.set(tool.name, tool);
      if (this.#toolReason(tool.name) !== null) return false;
      this.#flag(tool);
      return true;
    });
    return left.length === tools.length ? result : { ...result, tools: left };
  }

  /**
   * A server's message as its client may have it; the very same where nothing has to be left out. A list is told by what
   * it is, not by whose answer it says it is: some clients take `"5"` for the id `5`.
   */
  shown(message: JsonTable): JsonTable {
    // The definitions have to be read again.
    if (message["method"] === "notifications/tools/list_changed") this.#known.clear();
    const { result } = message;
    const left = this.list(result);
    return left === result ? message : { ...message, result: left };
  }

  #record(name: string, refused: string | null): void {
    const tool = name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
    this.#options.record({ kind: "mcp.call", server: this.#options.server.name, tool, refused });
  }

  /** Each tool that was ever listed may leave a pin. */
  #hasRoom({ name }: ToolDefinition): boolean {
    if (this.#names.size < MOST_TOOLS) this.#names.add(name);
    return this.#names.has(name);
  }

  /** Once for each wording: whoever reads the journal should know what a model is told and a person does not see. */
  #flag(tool: ToolDefinition): void {
    const places = hiddenCharacters(tool);
    if (places.length === 0) return;
    const digest = digestOf(tool);
    if (this.#flagged.has(digest)) return;
    this.#flagged.add(digest);
    this.#options.record({ kind: "mcp.hidden", server: this.#options.server.name, tool: tool.name, places });
  }

  #argumentReason(name: string, readings: readonly unknown[]): string | null {
    for (const rules of this.#options.held.arguments) {
      for (const given of readings) {
        const broken = brokenRule(rules, name, given);
        if (broken !== null) return broken;
      }
    }
    return null;
  }

  #toolReason(name: string): string | null {
    const { server, entry, pins } = this.#options;
    const shown = escapeText(name.slice(0, LONGEST_NAME));
    if (!isListed(server, name)) {
      const list = server.disabledTools.includes(name) ? "is in disabled_tools" : "is not in enabled_tools";
      return `${entry === null ? "" : at(entry)}${shown} is not allowed by the entry of ${server.name}: it ${list}`;
    }
    const definition = this.#known.get(name);
    if (definition === undefined) return `${server.name} has no tool ${shown}`;
    try {
      const pin = pins.pinned(server.name, definition);
      if (pin.digest === digestOf(definition)) return null;
      return `${shown} is no longer what it was when it was first used or approved (${pin.since}); sandboxed mcp approve ${server.name} shows the change`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

function nameIn(params: unknown): string {
  return isTable(params) && typeof params["name"] === "string" ? params["name"] : "";
}
