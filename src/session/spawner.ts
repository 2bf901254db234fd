import type { SessionProtocol } from "../network/index.ts";

/** Starts the programs that holders of `agents` ask for. Nothing of it throws: whatever happens is an `AgentEnd`. */
export interface Spawner {
  /** Settles when the program and all it started are gone. */
  run(request: AgentRequest): Promise<AgentEnd>;
}

export interface AgentRequest {
  /** Its own session's id. */
  readonly id: string;
  readonly command: readonly [program: string, ...words: string[]];
  /** What it may ask of this session; null where it was granted nothing. */
  readonly channel: AgentChannel | null;
  /** Milliseconds for which the clock of the session stood still since the start. */
  readonly pausedFor: () => number;
  /** Asks the program to end, then ends it. */
  readonly signal: AbortSignal;
}

/** A way to the session, for one program. */
export interface AgentChannel {
  readonly protocol: SessionProtocol;
  /** Where the channel is and the token, once its port is known. */
  readonly environment: (port: number) => readonly (readonly [name: string, value: string])[];
}

export type AgentEnd =
  | {
      readonly kind: "ended";
      /** As `sandboxed-run` would exit. */
      readonly status: number;
      readonly exit: number | null;
      readonly signal: number | null;
      readonly stdout: AgentOutput;
      readonly stderr: AgentOutput;
    }
  /** Nothing ran, or not to its end. `message` may say what the caller must not know. */
  | { readonly kind: "no_program" | "wider" | "stopped" | "failed"; readonly message: string };

export interface AgentOutput {
  /** The beginning; what is no UTF-8 is replaced. */
  readonly text: string;
  /** There was more. */
  readonly isCut: boolean;
}
