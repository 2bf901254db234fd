import type { CapabilityKind } from "./capability/kinds.ts";
import type { SessionContext } from "./context.ts";
import type { Within } from "./grant/grant.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Act } from "./question.ts";

/** Whose token a call came with. */
export interface Holder {
  /** `g1`, `g1.2`: tells grants apart in journal and messages; it is no secret and opens nothing. */
  readonly id: string;
  /** Null for a run's own token. */
  readonly parent: Holder | null;
}

/** One admitted call: the token is good, the capability covers its subjects and a use of it is taken. */
export interface Call {
  /** `c17`, unique in the session. */
  readonly id: string;
  readonly method: string;
  /** An empty object where none were sent. */
  readonly params: JsonObject;
  /** What the definition named, in its order. */
  readonly subjects: readonly string[];
  readonly holder: Holder;
  /** Aborted with a `SessionError` as reason when the caller is gone, or its grant. Nothing is to be done after that. */
  readonly signal: AbortSignal;
  /** Throws the reason of `signal`, if it is aborted: dearer to ask for is the signal itself. */
  requireOpen(): void;
  /** Whether the holder may also do the same to this subject: where a symlink leads, what a glob found. Uses nothing up. */
  covers(subject: string): boolean;
  /** Whether the caller can take images in results. */
  readonly acceptsImages: boolean;
  /** Tells the caller how far it is, where the way it came has a place for that and somebody reads it. */
  progress(report: JsonObject): void;
  /** Whether so many bytes more may be stored by what covers it; notes them if so. A negative number gives back. */
  store(bytes: number): boolean;
  /** The call as others may have to wait for it; see `SessionContext.waits`. */
  asWaiting(): Within;
  /**
   * Where the capability wants it, shows a person exactly what would be done and waits for the answer; else returns at
   * once. Errors: `approval_denied`, `timed_out`, `nobody_to_ask`.
   */
  approve(act: Act): Promise<void>;
}

/** A method of the channel. */
export interface MethodDefinition {
  /** `session.read`. */
  readonly name: string;
  /** Null for what every token may do. */
  readonly capability: CapabilityKind | null;
  /** The tool by which `session.tool` means this method. */
  readonly toolName?: string;
  /** `handle` calls `approve` itself, once it knows what it would do; otherwise method and parameters are shown before. */
  readonly asksItself?: true;
  /**
   * Checks the parameters and names what the capability's scope has to cover; none where the kind alone decides.
   * For `fs.read`, `fs.write` and `patch`: absolute paths in normal form, symlinks not resolved (`context.locate`).
   * Errors: `SessionError` `invalid_params`.
   */
  subjectsOf(params: JsonObject, context: SessionContext): readonly string[] | Promise<readonly string[]>;
  /** It tells what there is: uses nothing up, asks nobody. */
  readonly isFree?: true;
  /**
   * It changes something outside. `durable`: the journal has it on the disk before it happens. `batched`: a call that
   * goes on is in the journal within 20 ms.
   */
  readonly acts?: "batched" | "durable";
  /** Errors: `SessionError`; anything else becomes `failed`, its text kept from the caller. */
  handle(call: Call, context: SessionContext): Promise<Json>;
}
