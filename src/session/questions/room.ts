import { SessionError } from "../error.ts";
import type { JsonObject } from "../json.ts";
import type { Question, Questioner, Reply } from "../question.ts";
import { faultsOf, readForm } from "./form.ts";
import type { Form } from "./form.ts";

/** What somebody said. */
export interface Given {
  readonly approve: boolean;
  readonly content?: JsonObject;
}

/** Somebody who can be asked: the person at the terminal, an embedding host. */
export interface Answerer {
  /** For the journal: `you`, `host`. */
  readonly name: string;
  /**
   * Null when it cannot tell; then the others are waited for. Takes the question away when `signal` is aborted.
   * `faults` says what is wrong with a reply: until it returns nothing, the reply does not count.
   */
  ask(asked: Asked, signal: AbortSignal): Promise<Given | null>;
}

export interface Asked {
  readonly question: Question;
  readonly form: Form | null;
  readonly faults: (given: Given) => readonly string[];
}

interface Waiting extends Asked {
  readonly since: number;
  readonly take: (given: Given, by: string) => void;
}

/** What waits for an answer, as it is listed. */
export interface Pending {
  readonly question: Question;
  /** Milliseconds since it was asked. */
  readonly age: number;
}

/** Questions that wait at once, and characters of all they show: somebody has to look through them. */
const MOST_WAITING = 100;
const MOST_SHOWN = 32 * 1024 * 1024;

/** Puts each question to everybody who may answer; the first answer counts, and is taken away from the others. */
export class QuestionRoom implements Questioner {
  readonly #answerers: readonly Answerer[];
  /** Whether somebody may still come and `reply`. */
  readonly #isOpen: () => boolean;
  readonly #waiting = new Map<string, Waiting>();
  #entered = 0;
  #shown = 0;

  constructor(answerers: readonly Answerer[], isOpen: boolean | (() => boolean)) {
    this.#answerers = answerers;
    this.#isOpen = typeof isOpen === "boolean" ? () => isOpen : isOpen;
  }

  pending(): readonly Pending[] {
    return [...this.#waiting.values()].map(({ question, since }) => ({ question, age: Date.now() - since }));
  }

  /** Answers from elsewhere. Errors: `not_found`, `invalid_params` for what does not follow the question's schema. */
  reply(id: string, given: Given, by: string): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) {
      throw new SessionError("not_found", "no question of that id waits for an answer", {
        hint: "it may have been answered already, or withdrawn",
      });
    }
    const faults = waiting.faults(given);
    if (faults.length > 0) throw new SessionError("invalid_params", faults.join("; "));
    waiting.take(given, by);
  }

  enter(size: number): () => void {
    if (this.#entered >= MOST_WAITING || this.#shown + size > MOST_SHOWN) {
      throw new SessionError("overloaded", `${this.#entered} questions wait for an answer already`, {
        rule: `${MOST_WAITING} questions wait at once, and show ${MOST_SHOWN} characters in all`,
        retryable: true,
      });
    }
    this.#entered += 1;
    this.#shown += size;
    return () => {
      this.#entered -= 1;
      this.#shown -= size;
    };
  }

  /** Errors: `nobody_to_ask`, `invalid_params` for a schema that nobody can be asked by, the signal's reason. */
  async ask(question: Question, signal: AbortSignal): Promise<Reply> {
    const form = readForm(question.schema);
    // Who says no owes no details.
    const faults = ({ approve, content = {} }: Given): readonly string[] => (approve ? faultsOf(form, content) : []);
    if (this.#answerers.length === 0 && !this.#isOpen()) throw nobody();
    const answered = new AbortController();
    try {
      return await new Promise<Reply>((resolve, reject) => {
        const stop = (): void => reject(signal.reason);
        if (signal.aborted) return stop();
        signal.addEventListener("abort", stop, { once: true });
        const take = ({ approve, content = {} }: Given, by: string): void => {
          signal.removeEventListener("abort", stop);
          resolve({ approve, content: approve ? content : {}, by });
        };
        const asked: Asked = { question, form, faults };
        this.#waiting.set(question.id, { ...asked, since: Date.now(), take });
        let left = this.#answerers.length;
        for (const answerer of this.#answerers) {
          const passes = (): void => {
            left -= 1;
            if (left === 0 && !this.#isOpen()) reject(nobody());
          };
          answerer.ask(asked, AbortSignal.any([signal, answered.signal])).then((given) => {
            if (given === null || faults(given).length > 0) passes();
            else take(given, answerer.name);
          }, passes);
        }
      });
    } finally {
      this.#waiting.delete(question.id);
      answered.abort(new SessionError("cancelled", "the question is answered"));
    }
  }
}

function nobody(): SessionError {
  return new SessionError("nobody_to_ask", "nobody is there to answer", {
    rule: "a question needs somebody who can answer it",
    hint: "start the run in a terminal, or answer with sandboxed session reply",
  });
}
