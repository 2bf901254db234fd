import type { OpenCall } from "../call/open.ts";
import type { SessionError } from "../error.ts";
import type { JsonObject } from "../json.ts";
import type { Budget, ChannelLimits } from "./limits.ts";
import type { Turns } from "./turns.ts";

/** Who speaks, once that is known. */
export interface Caller {
  /** Errors: `SessionError` for what cannot even begin. */
  begin(method: string, params: JsonObject): OpenCall;
  cancel(call: OpenCall, why: SessionError): void;
}

/** What the ways to a channel have in common. */
export interface Service {
  readonly limits: ChannelLimits;
  /** Of requests. */
  readonly budget: Budget;
  /** Of answers. */
  readonly answered: Budget;
  /** Errors: `unauthenticated`, and why a token that was good is not any more. */
  authenticate(token: string, greeting: JsonObject): Caller;
  /** Of the event loop, for all who are served by it. */
  readonly turns: Turns;
  /** For the journal, and bounded there. */
  turnedAway(way: "lines" | "http" | "control", reason: string): void;
}
