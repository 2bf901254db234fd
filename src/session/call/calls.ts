import type { Durability } from "../../policy/index.ts";
import type { SessionContext } from "../context.ts";
import { SessionError } from "../error.ts";
import { formatCapability } from "../capability/text.ts";
import { admit, admitFree, narrowest } from "../grant/admit.ts";
import type { Grant } from "../grant/grant.ts";
import type { Grants } from "../grant/grants.ts";
import type { HeldCapability } from "../grant/held.ts";
import type { JsonObject } from "../json.ts";
import type { MethodDefinition } from "../method.ts";
import type { Act } from "../question.ts";
import { askQuestion } from "./asking.ts";
import { asSessionError, OpenCall } from "./open.ts";
import type { Bearer, CallSupport } from "./open.ts";

/** What is kept of a call's subjects in the journal. */
const MOST_SUBJECTS = 20;

/** Milliseconds in which the journal learns of a call that goes on. */
const SOON = 10;

/** Carries out calls, and ends them: whatever happens, each has exactly one answer. */
export class Calls {
  readonly #context: SessionContext;
  readonly #grants: Grants;
  readonly #methods: ReadonlyMap<string, MethodDefinition>;
  readonly #byTool: ReadonlyMap<string, MethodDefinition>;
  readonly #open = new Set<OpenCall>();
  readonly #unrecorded = new Set<OpenCall>();
  #willRecord = false;
  readonly #support: CallSupport;
  #made = 0;
  #ended: SessionError | null = null;

  constructor(context: SessionContext, grants: Grants, methods: readonly MethodDefinition[]) {
    this.#context = context;
    this.#grants = grants;
    this.#methods = new Map(methods.map((method) => [method.name, method]));
    this.#byTool = new Map(
      methods.flatMap((method) => (method.toolName === undefined ? [] : [[method.toolName, method] as const])),
    );
    this.#support = { now: grants.now, ask: (call, act) => this.#ask(call, act) };
  }

  get methods(): readonly string[] {
    return [...this.#methods.keys()];
  }

  /** Begins a call. Its `result` settles once; a rejection is a `SessionError`. */
  begin(bearer: Bearer, name: string, given: JsonObject): OpenCall {
    const { definition, params } = this.#meant(name, given);
    this.#made += 1;
    const call = new OpenCall(`c${this.#made}`, bearer, definition, params, this.#support);
    if (this.#ended === null) {
      this.#open.add(call);
      void this.#carryOut(call);
    } else call.end(this.#ended);
    return call;
  }

  /** Ends those of a grant, or of one of its capabilities; null ends all. */
  end(grant: Grant | null, held: HeldCapability | null, why: SessionError): void {
    for (const call of this.#open) {
      const isMeant = grant === null || (held === null ? call.grant === grant : call.admission.used.includes(held));
      if (isMeant && call.end(held === null ? why : wanting(why, call))) this.#close(call, why.code);
    }
  }

  /** From now on every call is answered with this. */
  shut(why: SessionError): void {
    this.#ended ??= why;
    this.end(null, null, why);
  }

  cancel(call: OpenCall, why: SessionError): void {
    if (call.end(why)) this.#close(call, why.code);
  }

  get open(): number {
    return this.#open.size;
  }

  #meant(name: string, params: JsonObject): { readonly definition: MethodDefinition; readonly params: JsonObject } {
    if (name === "session.tool" && typeof params["name"] === "string") {
      const method = this.#byTool.get(params["name"]);
      if (method !== undefined) return { definition: method, params: argumentsOf(params) };
    }
    const definition = this.#methods.get(name);
    if (definition === undefined)
      throw new SessionError("method_not_found", `there is no method ${name.slice(0, 100)}`);
    return { definition, params };
  }

  async #carryOut(call: OpenCall): Promise<void> {
    const { definition } = call;
    const context = this.#context;
    try {
      this.#grants.require(call.grant);
      const subjects = definition.subjectsOf(call.params, context);
      call.subjects = subjects instanceof Promise ? await subjects : subjects;
      if (!call.isOpen) return;
      if (definition.capability !== null) {
        const now = this.#grants.now();
        call.admission =
          definition.isFree === true
            ? admitFree(call.grant, definition.capability, now)
            : admit(call.grant, definition.capability, call.subjects, now);
        if (definition.asksItself !== true) await call.approve({ title: definition.name, data: call.params });
      }
      if (definition.acts === "durable") this.#recordBegun(call, "durable");
      else if (definition.acts !== undefined) this.#recordSoon(call);
      const value = await definition.handle(call, context);
      if (call.answer(value)) this.#close(call, "ok");
    } catch (thrown) {
      const error = asSessionError(thrown);
      if (call.fail(error)) this.#close(call, error.code);
    }
  }

  /** Most calls are over before: then one record says all there is to say. */
  #recordSoon(call: OpenCall): void {
    this.#unrecorded.add(call);
    if (this.#willRecord) return;
    this.#willRecord = true;
    setTimeout(() => {
      this.#willRecord = false;
      const begun = [...this.#unrecorded];
      this.#unrecorded.clear();
      try {
        for (const each of begun) this.#recordBegun(each, "batched");
      } catch {
        // that ends the run by itself
      }
    }, SOON).unref();
  }

  #recordBegun({ id, method, grant, subjects }: OpenCall, durability: Durability): void {
    this.#context.record(
      { kind: "session.calling", call: id, grant: grant.id, method, subjects: firstOf(subjects) },
      durability,
    );
  }

  #close(call: OpenCall, outcome: string): void {
    this.#open.delete(call);
    this.#unrecorded.delete(call);
    const took = Math.round((this.#grants.now() - call.began) * 1000) / 1000;
    const { id, method, grant } = call;
    try {
      const subjects = firstOf(call.subjects);
      this.#context.record(
        { kind: "session.called", call: id, grant: grant.id, method, outcome, subjects, took },
        "batched",
      );
    } catch {
      // that ends the run by itself
    }
  }

  /** Errors: those of asking and `approval_denied`, with the capability that would have asked nobody. */
  async #ask(call: OpenCall, { title, data, diff }: Act): Promise<void> {
    const act = { kind: "approval", text: title, data: data ?? null, diff: diff ?? null, schema: null } as const;
    const asker = { holder: call.grant.id, call: call.id };
    try {
      const reply = await askQuestion(this.#context, { ...act, ...asker, timeout: null }, call.signal);
      if (reply.approve) return;
      throw new SessionError("approval_denied", "it was not approved", { data: { by: reply.by } });
    } catch (error) {
      call.requireOpen();
      throw error instanceof SessionError ? wanting(error, call, ruleOf(call)) : error;
    }
  }
}

function firstOf(subjects: readonly string[]): readonly string[] {
  return subjects.length > MOST_SUBJECTS ? subjects.slice(0, MOST_SUBJECTS) : subjects;
}

/** The same refusal with what the call would have to hold. */
function wanting(
  { code, message, detail }: SessionError,
  call: OpenCall,
  rule: string | null = detail.rule ?? null,
): SessionError {
  const { capability: kind } = call.definition;
  const capability = kind === null ? null : narrowest(kind, call.subjects[0] ?? null);
  return new SessionError(code, message, { ...detail, rule, capability });
}

/** What wanted somebody's yes. */
function ruleOf({ grant, admission }: OpenCall): string {
  return `grant ${grant.id}: ${admission.asking.map(({ capability }) => formatCapability(capability)).join(", ")}`;
}

function argumentsOf(params: JsonObject): JsonObject {
  const given = params["arguments"] ?? {};
  if (given !== null && typeof given === "object" && !Array.isArray(given)) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `Array.isArray` does not narrow readonly arrays away
    return given as JsonObject;
  }
  throw new SessionError("invalid_params", "arguments is not an object");
}
