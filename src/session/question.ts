import type { Json } from "./json.ts";

/** What would be done, for the one who decides. All of it is text from outside: to be escaped where it is shown. */
export interface Act {
  /** One sentence: `Change src/a.ts`. */
  readonly title: string;
  /** Whatever belongs to it. */
  readonly data?: Json;
  /** Unified, for changes of files. */
  readonly diff?: string;
}

/** Something a person, or a program in a person's place, is to answer. */
export interface Question {
  /** Random: an answer names it. */
  readonly id: string;
  readonly session: string;
  /** `checkpoint`: the program asks. `approval`: it would act, and the capability wants a yes first. */
  readonly kind: "checkpoint" | "approval";
  readonly text: string;
  readonly data: Json;
  readonly diff: string | null;
  /** JSON Schema of what is wanted besides yes or no; null when nothing is. */
  readonly schema: Json;
  /** Milliseconds after which it is withdrawn; null waits for ever. */
  readonly timeout: number | null;
  /** Who asks: the holder's and the call's ids. */
  readonly holder: string;
  readonly call: string;
}

/** `content` follows the question's schema. */
export interface Reply {
  readonly approve: boolean;
  readonly content: { readonly [name: string]: Json };
  /** `you`, `host`, `timeout`: for the journal. */
  readonly by: string;
}

/**
 * Puts questions to whoever decides: the terminal, the embedding host, `sandboxed session reply`. Rejects when
 * `signal` is aborted, and must then take the question away.
 */
export interface Questioner {
  /** Takes room for one question of so many characters; returns what gives it back. Errors: `overloaded`. */
  enter(size: number): () => void;
  ask(question: Question, signal: AbortSignal): Promise<Reply>;
}
