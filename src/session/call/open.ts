import { SessionError } from "../error.ts";
import { alsoCovers } from "../grant/admit.ts";
import type { Admission } from "../grant/admit.ts";
import type { Grant, Within } from "../grant/grant.ts";
import type { HeldCapability } from "../grant/held.ts";
import type { Json, JsonObject } from "../json.ts";
import type { Call, MethodDefinition } from "../method.ts";
import type { Act } from "../question.ts";

/** How an open call reaches what is not its own. */
export interface CallSupport {
  readonly now: () => number;
  readonly ask: (call: OpenCall, act: Act) => Promise<void>;
}

/** Who calls, and what is known of them. */
export interface Bearer {
  readonly grant: Grant;
  readonly acceptsImages: boolean;
}

/** A call from its arrival to its one answer. */
export class OpenCall implements Call, Within {
  readonly id: string;
  readonly grant: Grant;
  readonly definition: MethodDefinition;
  readonly params: JsonObject;
  /** The answer: settles once, whatever the method does afterwards. */
  readonly result: Promise<Json>;
  readonly began: number;
  readonly acceptsImages: boolean;
  subjects: readonly string[] = [];
  admission: Admission = nothing;
  /** What it came by hears of its progress. */
  onProgress: (report: JsonObject) => void = () => {};
  readonly #support: CallSupport;
  /** Made when somebody asks for it: most calls are over before, and it is the dearest part of one. */
  #controller: AbortController | null = null;
  #aborted: SessionError | null = null;
  #settle: { readonly resolve: (value: Json) => void; readonly reject: (error: SessionError) => void } | null = null;

  constructor(
    id: string,
    { grant, acceptsImages }: Bearer,
    definition: MethodDefinition,
    params: JsonObject,
    support: CallSupport,
  ) {
    this.id = id;
    this.acceptsImages = acceptsImages;
    this.grant = grant;
    this.definition = definition;
    this.params = params;
    this.#support = support;
    this.began = support.now();
    this.result = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  get method(): string {
    return this.definition.name;
  }

  get holder(): Grant {
    return this.grant;
  }

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted !== null) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  requireOpen(): void {
    if (this.#aborted !== null) throw this.#aborted;
  }

  get isOpen(): boolean {
    return this.#settle !== null;
  }

  covers(subject: string): boolean {
    const { capability } = this.definition;
    return capability === null || alsoCovers(this.admission, this.grant, capability, subject, this.#support.now());
  }

  progress(report: JsonObject): void {
    if (this.isOpen) this.onProgress(report);
  }

  store(bytes: number): boolean {
    const { used } = this.admission;
    const stored: HeldCapability[] = [];
    for (const held of used) {
      if (held.store(bytes)) stored.push(held);
      else {
        for (const done of stored) done.store(-bytes);
        return false;
      }
    }
    return true;
  }

  asWaiting(): Within {
    return this;
  }

  async approve(act: Act): Promise<void> {
    const asking = this.admission.asking.filter((held) => held.needsApproval);
    if (asking.length === 0) return;
    await this.#support.ask(this, act);
    this.requireOpen();
    for (const held of asking) held.approve();
  }

  /** True when this was the answer. */
  answer(value: Json): boolean {
    const settle = this.#settle;
    this.#settle = null;
    settle?.resolve(value);
    return settle !== null;
  }

  fail(error: SessionError): boolean {
    const settle = this.#settle;
    this.#settle = null;
    settle?.reject(error);
    return settle !== null;
  }

  /** Answers it, and tells whoever works on it to stop. */
  end(why: SessionError): boolean {
    const isFirst = this.fail(why);
    if (isFirst) {
      this.#aborted = why;
      this.#controller?.abort(why);
    }
    return isFirst;
  }
}

const nothing: Admission = { used: [], asking: [] };

/** What a caller is told of a failure that is no refusal: not its text, which may say what the caller must not know. */
export function asSessionError(error: unknown): SessionError {
  if (error instanceof SessionError) return error;
  return new SessionError("failed", "the call failed inside the session; its journal or its owner knows more", {
    cause: error,
  });
}
