import type { SessionError } from "./error.ts";
import type { Json, JsonObject } from "./json.ts";
import type { CapabilityText } from "./capability/text.ts";
import type { Question, Reply } from "./question.ts";

/** A tool that a session may call, as MCP describes it. */
export interface ToolDescription {
  /** `mcp.<server>.<tool>`, or a plain name for one of the host's own. Unique in its registry. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations?: JsonObject;
  /** One call at a time; a second waits, unless the first waits for it. */
  readonly isExclusive?: boolean;
}

/** What a tool came to; members beyond these travel as they are. */
export interface ToolResult extends JsonObject {
  readonly content: readonly Json[];
  readonly isError: boolean;
}

/** What a tool asks; what is left out is empty, and waits as long as may be waited. */
export type ToolQuestion = Pick<Question, "kind" | "text"> &
  Partial<Pick<Question, "data" | "diff" | "schema" | "timeout">>;

/** How far a tool has come. */
export interface ToolProgress {
  readonly progress: number;
  readonly total?: number | undefined;
  readonly message?: string | undefined;
}

export interface ToolContext {
  readonly signal: AbortSignal;
  readonly session: string;
  /** The call's id in this session. */
  readonly call: string;
  readonly holder: string;
  /** Else images become text that says so. */
  readonly acceptsImages: boolean;
  /** The caller's `_meta`, if any. */
  readonly meta: JsonObject | null;
  /** Null where the caller did not ask for it. */
  readonly progress: ((report: ToolProgress) => void) | null;
  /**
   * Puts a question to whoever answers those of this session: it is in the journal, and the run's clock stands still.
   * `withdraw` takes it away, as the end of the call does. Errors: `timed_out`, `nobody_to_ask`, `invalid_params` for a
   * schema that nobody can be asked by, the reason of the signal.
   */
  ask(question: ToolQuestion, withdraw?: AbortSignal): Promise<Reply>;
  /** A token for somebody the tool starts, no wider than the caller's own, good while the call is open. */
  delegate(capabilities: readonly CapabilityText[]): string;
}

/** Where tools come from: the host's own functions, MCP servers. */
export interface ToolRegistry {
  /** The same array as long as nothing has changed. */
  list(): Promise<readonly ToolDescription[]>;
  /** The listed name that another spelling stands for; without this names are taken as they are. Errors: `SessionError`. */
  resolve?(name: string): Promise<string>;
  /** Why there is no such tool, where more is known than that. */
  whyNot?(name: string): Promise<SessionError | null>;
  /** Errors: `SessionError`. A tool that ran and failed is a result with `isError`. */
  call(name: string, given: JsonObject, context: ToolContext): Promise<ToolResult>;
}
