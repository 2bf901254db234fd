import type { Socket } from "node:net";
import type { Decision, Durability, JournalEvent, Query, ResolvedPolicy } from "../policy/index.ts";
import { absolutePath } from "../policy/index.ts";
import type { SessionProtocol } from "../network/index.ts";
import { authorityOf } from "./authority.ts";
import { Calls } from "./call/calls.ts";
import type { OpenCall } from "./call/open.ts";
import { Waits } from "./call/waits.ts";
import type { Capability } from "./capability/kinds.ts";
import { parseCapability } from "./capability/text.ts";
import { RunClock } from "./clock.ts";
import type { SessionContext, Summary } from "./context.ts";
import { SessionError } from "./error.ts";
import { depthOf, lineage } from "./grant/grant.ts";
import type { DoorOf, Grant } from "./grant/grant.ts";
import { Grants } from "./grant/grants.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Call, MethodDefinition } from "./method.ts";
import { grantMethods } from "./methods/grants.ts";
import { infoMethods } from "./methods/info.ts";
import { memoryMethods } from "./methods/memory.ts";
import type { MemoryStore } from "./methods/memory.ts";
import { Agents } from "./methods/spawn.ts";
import { peopleMethods } from "./methods/people.ts";
import { toolMethods } from "./methods/tools.ts";
import { Budget, defaultLimits } from "./protocol/limits.ts";
import type { ChannelLimits } from "./protocol/limits.ts";
import { serveRequest } from "./protocol/http.ts";
import { serveLines } from "./protocol/lines.ts";
import { Turns } from "./protocol/turns.ts";
import type { Caller, Service } from "./protocol/service.ts";
import { QuestionRoom } from "./questions/index.ts";
import type { Answerer } from "./questions/index.ts";
import type { Spawner } from "./spawner.ts";
import type { ToolRegistry } from "./tools.ts";

export interface ChannelOptions {
  /** The session's id, and the tool's version. */
  readonly id: string;
  readonly version: string;
  readonly resolved: ResolvedPolicy;
  readonly tools: ToolRegistry;
  /** Asked side by side with `reply`. */
  readonly answerers: readonly Answerer[];
  /** Whether somebody can reach `reply`. */
  readonly mayReply: () => boolean;
  readonly memory: MemoryStore;
  /** Milliseconds for which the run's clock may stand still in all. */
  readonly maxPause: number;
  /** Beside those of this folder. */
  readonly methods: readonly MethodDefinition[];
  /** Starts programs for holders of `agents`; null where nobody can. */
  readonly spawner: (() => Promise<Spawner>) | null;
  readonly onSummary: (summary: Summary) => void;
  /** For the journal; may be put in another place later, see `record`. */
  readonly record: (event: JournalEvent, durability: Durability) => void;
  readonly limits?: Partial<ChannelLimits>;
  readonly now?: () => number;
}

/** Refusals of strangers that the journal keeps; beyond, somebody only wants to fill it. */
const MOST_TURNED_AWAY = 100;

/** The channel of one session: its grants, its calls, and the protocols by which they come. */
export class Channel {
  readonly grants: Grants;
  readonly questions: QuestionRoom;
  readonly clock: RunClock;
  readonly summaries: Summary[] = [];
  readonly agents: Agents;
  /** Of grants that were made for a program alone: what ends it. */
  readonly #programs = new Map<string, (why: SessionError) => void>();
  readonly #calls: Calls;
  readonly #service: Omit<Service, "authenticate">;
  readonly #began: (query: Query) => Decision;
  /** What the policy came to since; null while it is as it was. */
  #narrowed: ((query: Query) => Decision) | null = null;
  #rootEnded: (why: SessionError) => void = () => {};
  #turnedAway = 0;
  /** Where records go. Errors: those of the journal, which end the run. */
  record: (event: JournalEvent, durability: Durability) => void;

  constructor(options: ChannelOptions) {
    const { resolved, maxPause, now } = options;
    const { workspaceRoots } = resolved.places;
    const [root = null] = workspaceRoots;
    this.record = options.record;
    this.#began = authorityOf(resolved);
    this.clock = new RunClock(maxPause, now);
    this.questions = new QuestionRoom(options.answerers, options.mayReply);
    this.grants = new Grants(root, { ended: (grant, held, why) => this.#ended(grant, held, why) }, now);
    const context: SessionContext = {
      id: options.id,
      version: options.version,
      networkMode: resolved.networkMode,
      decide: (query) => this.#decide(query),
      workspaceRoots,
      locate: (path) => locate(path, root ?? null),
      tools: options.tools,
      questioner: this.questions,
      clock: this.clock,
      maxPause,
      waits: new Waits(),
      record: (event, durability) => this.record(event, durability),
      summarize: (summary) => {
        this.summaries.push(summary);
        options.onSummary(summary);
      },
    };
    const { spawner } = options;
    this.agents = new Agents(
      async () => (spawner === null ? null : spawner()),
      (call, capabilities, door, ended) => {
        const { id, token } = this.#delegate(call, capabilities, null, true, door);
        this.#programs.set(id, ended);
        return { id, token, protocol: this.protocolAt(door) };
      },
    );
    const methods: readonly MethodDefinition[] = [
      ...infoMethods((holder) => this.#about(holder.id)),
      ...peopleMethods(),
      ...memoryMethods(options.memory),
      ...toolMethods((call, capabilities) => this.#delegate(call, capabilities.map(parseCapability), null, true).token),
      ...grantMethods(
        (call, capabilities, expiresIn) => this.#delegate(call, capabilities, expiresIn, false),
        (call, id) => this.#takeBack(call, id),
      ),
      this.agents.method(),
      ...options.methods,
    ];
    this.#calls = new Calls(context, this.grants, methods);
    const limits = { ...defaultLimits, ...options.limits };
    this.#service = {
      limits,
      budget: new Budget(limits.pendingBytes),
      answered: new Budget(limits.answeredBytes),
      turns: new Turns(),
      turnedAway: (way, reason) => this.turnedAway(way, reason),
    };
  }

  /** The run's own token, made before the program starts. `ended`: it is good for nothing any more. */
  open(door: DoorOf, capabilities: readonly Capability[], ended: (why: SessionError) => void): string {
    this.#rootEnded = ended;
    return this.#grant({ capabilities, expiresIn: null, parent: null, door, within: null }).token;
  }

  /** One more token for a live session, by somebody who may: not bound by what the others hold. */
  grant(
    door: DoorOf,
    capabilities: readonly Capability[],
    expiresIn: number | null,
  ): { readonly grant: Grant; readonly token: string } {
    return this.#grant({ capabilities, expiresIn, parent: null, door, within: null });
  }

  /** What a door speaks. Tokens of other doors are unknown there. */
  protocolAt(door: DoorOf): SessionProtocol {
    const service: Service = {
      ...this.#service,
      authenticate: (token, greeting) => this.#callerOf(this.grants.find(token, door), greeting),
    };
    return {
      lines: (socket: Socket, head: Buffer) => serveLines(service, socket, head),
      request: (request, response) => serveRequest(service, request, response),
    };
  }

  /** Decides by this policy as well from now on, in the place of an earlier one that was put in force so. */
  narrow(resolved: ResolvedPolicy): void {
    this.#narrowed = authorityOf(resolved);
  }

  /** Answers what is open, and every call that comes after. */
  shut(why: SessionError): void {
    this.#calls.shut(why);
    for (const grant of this.grants.live()) this.grants.end(grant, why);
  }

  turnedAway(way: "lines" | "http" | "control", reason: string): void {
    this.#turnedAway += 1;
    if (this.#turnedAway > MOST_TURNED_AWAY) return;
    try {
      this.record({ kind: "session.turned_away", way, reason }, "batched");
    } catch {
      // that ends the run by itself
    }
  }

  /** Calls that have no answer yet. */
  get openCalls(): number {
    return this.#calls.open;
  }

  #decide(query: Query): Decision {
    const decision = this.#began(query);
    return decision.effect === "allow" && this.#narrowed !== null ? this.#narrowed(query) : decision;
  }

  #callerOf(grant: Grant, greeting: JsonObject): Caller {
    const bearer = { grant, acceptsImages: acceptsImages(greeting["accepts"]) };
    return {
      begin: (method, params) => this.#calls.begin(bearer, method, params),
      cancel: (call, why) => this.#calls.cancel(call, why),
    };
  }

  #grant(request: Parameters<Grants["make"]>[0]): { readonly grant: Grant; readonly token: string } {
    const made = this.grants.make(request);
    const { id, parent, within, held } = made.grant;
    const capabilities = held.map((each) => each.text(this.grants.now()));
    this.record(
      { kind: "grant.made", grant: id, parent: parent?.id ?? null, capabilities, call: within?.id ?? null },
      "durable",
    );
    return made;
  }

  #delegate(
    call: Call,
    capabilities: readonly Capability[],
    expiresIn: number | null,
    isWithin: boolean,
    door: DoorOf | null = null,
  ) {
    call.requireOpen();
    const waiting = call.asWaiting();
    const parent = waiting.grant;
    const within = isWithin ? waiting : parent.within;
    const { grant, token } = this.#grant({ capabilities, expiresIn, parent, door: door ?? parent.door, within });
    if (isWithin) {
      const end = (): void => this.grants.end(grant, new SessionError("revoked", "the call it was made for is over"));
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- every call that comes here is one of `Calls`
      (call as OpenCall).result.then(end, end);
    }
    return { token, id: grant.id, capabilities: grant.held.map((held) => held.text(this.grants.now())) };
  }

  #takeBack(call: Call, id: string): boolean {
    const grant = this.grants.byId(id);
    const own = call.asWaiting().grant;
    if (grant === null || grant === own || !lineage(grant).includes(own)) return false;
    this.grants.end(
      grant,
      new SessionError("revoked", "the token was taken back", { rule: `grant ${id} was revoked` }),
    );
    return true;
  }

  #ended(grant: Grant, held: Grant["held"][number] | null, why: SessionError): void {
    this.#calls.end(grant, held, why);
    if (held !== null) return;
    this.record({ kind: "grant.ended", grant: grant.id, reason: why.code, message: why.message }, "batched");
    if (grant.id === "g1") this.#rootEnded(why);
    this.#programs.get(grant.id)?.(why);
    this.#programs.delete(grant.id);
  }

  #about(id: string) {
    const grant = this.grants.byId(id);
    const now = this.grants.now();
    return {
      capabilities: grant?.held.map((held) => held.text(now)) ?? [],
      depth: grant === null ? 0 : depthOf(grant),
      methods: this.#calls.methods,
    };
  }
}

function acceptsImages(accepts: Json | undefined): boolean {
  return accepts != null && typeof accepts === "object" && "images" in accepts && accepts["images"] === true;
}

function locate(path: string, root: string | null): ReturnType<SessionContext["locate"]> {
  if (path === "" || path.length > 4096 || path.includes("\0"))
    throw new SessionError("invalid_params", "the path is no path");
  if (!path.startsWith("/") && root === null) {
    throw new SessionError("invalid_params", "the run has no workspace that a relative path could start from");
  }
  try {
    return absolutePath(path.startsWith("/") ? path : `${root ?? ""}/${path}`);
  } catch (cause) {
    throw new SessionError("invalid_params", "the path holds what no path of a policy may hold", { cause });
  }
}
