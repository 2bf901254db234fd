import type { McpServer } from "../config/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { McpAllowlist } from "../policy/index.ts";
import { Admissions, refusalOf } from "./admissions.ts";
import { asksOf } from "./asks.ts";
import type { Answering } from "./asks.ts";
import { Connection } from "./connection.ts";
import type { CallOptions } from "./connection.ts";
import type { ToolDefinition } from "./catalogue.ts";
import { resolveToolName, scriptName, serverNamedIn } from "./names.ts";
import type { ToolRef } from "./names.ts";
import { within } from "./patience.ts";
import { openWay } from "./open.ts";
import type { AuthProviderOf } from "./open.ts";
import { isListed, needsApproval } from "./rules/approval.ts";
import { brokenRule } from "./rules/arguments.ts";
import { changed, isChanged, missing } from "./member.ts";
import type { Disabled, Member } from "./member.ts";
import { digestOf } from "./rules/pins.ts";
import type { Pins } from "./rules/pins.ts";
import { secretsOf } from "./secrets.ts";
import type { McpSurroundings } from "./surroundings.ts";

export interface McpServersOptions extends Answering {
  readonly servers: Iterable<McpServer>;
  readonly surroundings: McpSurroundings;
  readonly pins: Pins;
  readonly authProvider?: AuthProviderOf;
  /** How long optional servers are waited for in all, in milliseconds. */
  readonly grace?: number;
  readonly onOdd?: (server: string, message: string) => void;
  /** A required server was there, is gone, and does not come back. */
  readonly onLost?: (server: string, error: Error) => void;
}

/** A tool that can be called. */
export interface OfferedTool {
  readonly ref: ToolRef;
  readonly definition: ToolDefinition;
  readonly needsApproval: boolean;
}

const GRACE_MS = 1000;

/** All servers of one run: started when first needed, asked by the rules. */
export class McpServers {
  readonly #options: McpServersOptions;
  readonly #members = new Map<string, Member>();
  readonly #disabled = new Map<string, Disabled>();
  readonly #admissions: Admissions;
  /** Definitions that were compared with their pins. */
  readonly #unchanged = new WeakSet<ToolDefinition>();
  readonly #offers = new WeakMap<ToolDefinition, OfferedTool>();
  /** What can be called, while nothing changes and nothing is left out that an approval would bring back. */
  #all: { readonly generation: number; readonly tools: readonly OfferedTool[] } | null = null;
  #generation = 0;
  #since: number | null = null;

  /** A server that may not be used is disabled, with the reason; a required one fails `start`. */
  constructor(options: McpServersOptions) {
    this.#options = options;
    this.#admissions = new Admissions(options.surroundings);
    for (const server of options.servers) this.#add(server);
  }

  /** Counts changes of what is offered. */
  get generation(): number {
    return this.#generation;
  }

  /** The names there are, usable or not. */
  get names(): ReadonlySet<string> {
    return new Set([...this.#members.keys(), ...this.#disabled.keys()]);
  }

  state(name: string): { readonly state: string; readonly reason: string | null } {
    const disabled = this.#disabled.get(name);
    if (disabled !== undefined) return { state: "disabled", reason: disabled.error.message };
    const member = this.#members.get(name);
    return { state: member?.connection.state ?? "not_started", reason: member?.failure?.message ?? null };
  }

  /** Starts all; waits for those that are required. Errors: of the first required one that cannot start. */
  async start(): Promise<void> {
    this.#since ??= performance.now();
    for (const { server, error } of this.#disabled.values()) if (server.required && server.enabled) throw error;
    const members = [...this.#members.values()];
    for (const member of members) void this.#starting(member);
    await Promise.all(members.filter(({ server }) => server.required).map((member) => this.#present(member)));
  }

  /** What can be called now. Optional servers that take longer than the grace are left out until they are there. */
  async tools(): Promise<readonly OfferedTool[]> {
    await this.#settled();
    if (this.#all?.generation === this.#generation) return this.#all.tools;
    const listed = [...this.#members.values()].flatMap((member) =>
      (member.offered ?? [])
        .filter(({ name }) => isListed(member.server, name))
        .map((definition) => ({ member, definition })),
    );
    const tools = listed
      .filter(({ member, definition }) => !isChanged(this.#options.pins, member.server, definition))
      .map(({ member, definition }) => this.#offer(member, definition));
    this.#all = tools.length === listed.length ? { generation: this.#generation, tools } : null;
    return tools;
  }

  /** Why a tool's server may not be used; null when it may, or the name is no server's. */
  refusal(name: string): SandboxedError | null {
    return this.#disabled.get(serverNamedIn(name, this.names) ?? "")?.error ?? null;
  }

  /** Waits for the server that a full name means, as long as its entry says. Null when it is there, or is no server's. */
  async absence(name: string): Promise<Error | null> {
    const member = this.#members.get(serverNamedIn(name, this.names) ?? "");
    if (member === undefined || member.offered !== null) return this.refusal(name);
    await this.#starting(member);
    return member.offered === null ? missing(member) : null;
  }

  /** The tool a name stands for. Errors: `mcp_tool`, `mcp_server`. */
  async find(name: string): Promise<OfferedTool> {
    const refusal = this.refusal(name);
    if (refusal !== null) throw refusal;
    const owner = serverNamedIn(name, this.names);
    const member = owner === null ? undefined : this.#members.get(owner);
    if (member === undefined) await this.#settled();
    else await this.#present(member);
    const all = [...this.#members.values()].flatMap((each) =>
      (each.offered ?? []).map((definition) => ({ server: each.server.name, tool: definition.name })),
    );
    const ref = resolveToolName(name, this.names, all);
    const found = this.#members.get(ref.server);
    const definition = found?.offered?.find((tool) => tool.name === ref.tool);
    if (found === undefined || definition === undefined) throw new SandboxedError("internal", "a tool went away");
    if (!isListed(found.server, ref.tool)) {
      throw new SandboxedError("mcp_tool", `${escapeText(scriptName(ref))} is not allowed by the entry of its server`, {
        hint: `see enabled_tools and disabled_tools of mcp_servers.${ref.server}`,
      });
    }
    return this.#offer(found, definition);
  }

  /** Errors: `mcp_tool` for a rule or a changed definition, `mcp_server`. */
  async call(
    { ref, definition }: OfferedTool,
    given: unknown,
    meta: Readonly<Record<string, unknown>>,
    options: CallOptions,
  ): Promise<unknown> {
    const member = this.#member(ref.server);
    for (const rules of member.arguments) {
      const broken = brokenRule(rules, ref.tool, given);
      if (broken !== null)
        throw new SandboxedError("mcp_tool", broken, { hint: "the rule can only be changed where it stands" });
    }
    if (!this.#unchanged.has(definition)) {
      const pin = this.#options.pins.pinned(ref.server, definition);
      if (pin.digest !== digestOf(definition)) throw changed(ref, pin.since);
      this.#unchanged.add(definition);
    }
    return member.connection.call({ name: ref.tool, arguments: given, _meta: meta }, { ...options, definition });
  }

  /** For looking at a server as it is, changed tools included. */
  async definitions(name: string): Promise<readonly ToolDefinition[]> {
    return this.#member(name).connection.tools();
  }

  /**
   * Holds the servers to one more list from now on. Those that it does not let be used are disabled at once, their open
   * calls answered with the reason; what it has started otherwise is started anew. Returns those that were disabled.
   */
  narrow(allowlist: McpAllowlist | null): readonly Disabled[] {
    if (!this.#admissions.narrow(allowlist)) return [];
    const out: Disabled[] = [];
    const before = [...this.#members.values()];
    for (const member of before) {
      const { server, connection, start } = member;
      const answer = refusalOf(() => this.#admissions.of(server));
      if ("value" in answer && answer.value.start === start) {
        member.arguments = answer.value.arguments;
        continue;
      }
      this.#generation += 1;
      this.#members.delete(server.name);
      if ("refusal" in answer) {
        out.push({ server, error: answer.refusal });
        this.#disabled.set(server.name, { server, error: answer.refusal });
        connection.disable(answer.refusal).catch(() => {});
        continue;
      }
      const why = new SandboxedError(
        "mcp_disabled",
        `MCP server ${server.name} is started anew: its requirements changed`,
      );
      connection.disable(why).catch(() => {});
      this.#add(server);
      // It is waited for like at the first start.
      this.#since = null;
    }
    return out;
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#members.values()].map(({ connection }) => connection.close()));
  }

  #add(server: McpServer): void {
    const { authProvider, onOdd } = this.#options;
    const admissions = this.#admissions;
    const answer = refusalOf(() => admissions.of(server));
    if ("refusal" in answer) return void this.#disabled.set(server.name, { server, error: answer.refusal });
    const member: Member = {
      server,
      ...answer.value,
      offered: null,
      starting: null,
      failure: null,
      wasThere: false,
      connection: new Connection({
        server,
        open: () => {
          admissions.of(server);
          return openWay(server, admissions.surroundings, authProvider);
        },
        asks: asksOf(server, this.#options, admissions.surroundings.cwd),
        secrets: secretsOf(server, admissions.surroundings.environment),
        onToolsChanged: () => {
          this.#generation += 1;
          member.offered = null;
          member.starting = null;
        },
        onOdd: (message) => onOdd?.(server.name, message),
      }),
    };
    this.#members.set(server.name, member);
  }

  /** Errors: `mcp_disabled`, `mcp_server` where there is none. */
  #member(name: string): Member {
    const disabled = this.#disabled.get(name);
    if (disabled !== undefined) throw disabled.error;
    const member = this.#members.get(name);
    if (member === undefined) throw new SandboxedError("mcp_server", `there is no MCP server ${escapeText(name)}`);
    return member;
  }

  #starting(member: Member): Promise<void> {
    if (member.starting !== null) return member.starting;
    const starting: Promise<void> = member.connection.tools().then(
      (tools) => {
        // They have changed since.
        if (member.starting !== starting) return this.#starting(member);
        member.offered = tools;
        member.wasThere = true;
        this.#generation += 1;
        return undefined;
      },
      (error: unknown) => {
        member.failure = error instanceof Error ? error : new Error(String(error));
        member.starting = null; // it is tried again when it is needed
        const isLost = member.wasThere && member.server.required && member.connection.state !== "closed";
        if (isLost) this.#options.onLost?.(member.server.name, member.failure);
      },
    );
    member.starting = starting;
    return starting;
  }

  /** Waits for one server, however long it may take by its entry. Errors: why it is not there. */
  async #present(member: Member): Promise<void> {
    if (member.offered !== null && member.connection.state === "connected") return;
    await this.#starting(member);
    if (member.offered === null) throw missing(member);
  }

  /** Waits for those that are starting, no longer than the grace in all. */
  async #settled(): Promise<void> {
    this.#since ??= performance.now();
    const waiting = [...this.#members.values()].filter(
      ({ offered, connection }) => offered === null && connection.state !== "failed",
    );
    if (waiting.length === 0) return;
    const all = Promise.all(waiting.map((member) => this.#starting(member)));
    const left = this.#since + (this.#options.grace ?? GRACE_MS) - performance.now();
    // What was there and is read again is not a start: it gets its own short time.
    await within(Math.max(left, 100), all);
  }

  #offer({ server }: Member, definition: ToolDefinition): OfferedTool {
    const made = this.#offers.get(definition);
    if (made !== undefined) return made;
    const ref = { server: server.name, tool: definition.name };
    const offer = { ref, definition, needsApproval: needsApproval(server, definition) };
    this.#offers.set(definition, offer);
    return offer;
  }
}
