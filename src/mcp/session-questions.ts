import { SessionError } from "../session/index.ts";
import type { Reply, ToolContext, ToolQuestion } from "../session/index.ts";
import { elicitationAnswer, elicitationQuestion } from "./elicitation.ts";
import type { Elicit } from "./elicitation.ts";
import { samplingAnswer, samplingQuestion } from "./sampling.ts";
import type { Sample } from "./sampling.ts";

/** Questions of one server that wait at the same time: nobody answers more. */
const MOST_OPEN = 8;

/** Characters of a question: nobody reads more. A model does. */
const MOST_ASKED = 20_000;
const MOST_SAMPLED = 200_000;

interface Working {
  readonly context: ToolContext;
  readonly over: AbortController;
  /** A question of it waited as long as may be waited, and the call's own clock stood still meanwhile. */
  isUnanswered: boolean;
}

/** Servers' questions, put to whoever answers for the session whose call they work on. */
export class SessionQuestions {
  readonly #working = new Map<string, Set<Working>>();
  readonly #open = new Map<string, number>();

  /** While `act` goes on, what the server asks is asked for this call. */
  async during<T>(server: string, context: ToolContext, act: () => Promise<T>): Promise<T> {
    const working = this.#working.get(server) ?? new Set();
    const own = { context, over: new AbortController(), isUnanswered: false };
    this.#working.set(server, working.add(own));
    try {
      return await act();
    } finally {
      working.delete(own);
      own.over.abort(new SessionError("cancelled", "the call that it was asked for is over"));
    }
  }

  readonly elicit: Elicit = async (server, params, signal) => {
    const isShort = JSON.stringify(params).length <= MOST_ASKED;
    const question = isShort ? elicitationQuestion(server, params) : null;
    if (question === null) return { action: "cancel" };
    return elicitationAnswer(question, await this.#ask(server, question, signal));
  };

  readonly sample: Sample = async (server, params, signal) => {
    const isShort = JSON.stringify(params).length <= MOST_SAMPLED;
    return samplingAnswer(isShort ? await this.#ask(server, samplingQuestion(server, params), signal) : null);
  };

  /** Null where nobody may be asked, or nobody answered. */
  async #ask(server: string, question: ToolQuestion, signal: AbortSignal): Promise<Reply | null> {
    const working = [...(this.#working.get(server) ?? [])];
    const last = working.at(-1);
    // A server does not say which call it asks for. Nobody is asked in the name of somebody else.
    if (last === undefined || working.some(({ context }) => context.holder !== last.context.holder)) return null;
    const open = this.#open.get(server) ?? 0;
    // Who asks again where nobody is would keep its call open for ever.
    if (open >= MOST_OPEN || last.isUnanswered) return null;
    this.#open.set(server, open + 1);
    try {
      return await last.context.ask(question, AbortSignal.any([signal, last.over.signal]));
    } catch (error) {
      last.isUnanswered ||= error instanceof SessionError && error.code === "timed_out";
      return null;
    } finally {
      this.#open.set(server, (this.#open.get(server) ?? 1) - 1);
    }
  }
}
