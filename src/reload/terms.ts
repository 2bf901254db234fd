import type { Asking, GatedConfig, Managed } from "../gate/index.ts";
import type { BoundPolicy, ResolvedPolicy } from "../policy/index.ts";
import type { Requirements } from "../requirements/index.ts";

/** What requirements leave of what was asked for, at one time. */
export interface Terms {
  readonly policy: BoundPolicy;
  readonly managed: Managed;
  /** Of each environment that was asked about; mostly one. */
  readonly requirements: readonly Requirements[];
}

/** Of what one environment asked for. */
export function termsOf({ policy, managed, requirements }: GatedConfig): Terms {
  return { policy, managed, requirements: [requirements] };
}

/** Decides once more what was asked for at the start. Errors: as at the start. */
export type DecideAgain = (how: Required<Asking>) => Promise<Terms>;

/** A part of a run that can be held to less than it began with. */
export interface Part {
  /**
   * Holds from when it settles. `resolved`: the run's own policy as it is now; null where no rule of it has changed.
   * Returns what was taken away, in words. What it throws ends the run.
   */
  narrow(terms: Terms, resolved: ResolvedPolicy | null): Promise<readonly string[]>;
}

/**
 * What bounds a run that is under way, and who has to know when it becomes less: the parts that a host, a channel or a
 * program has started in its name. Terms never become wider.
 */
export class LiveTerms {
  #terms: Terms;
  #generation = 0;
  readonly #parts = new Set<Part>();

  constructor(terms: Terms) {
    this.#terms = terms;
  }

  get terms(): Terms {
    return this.#terms;
  }

  /** Counts the times that terms became less. */
  get generation(): number {
    return this.#generation;
  }

  /** From now on the part is held, too; `since`: the generation it was made under. Returns what takes it out again. */
  async join(part: Part, since: number = this.#generation): Promise<() => void> {
    this.#parts.add(part);
    if (since !== this.#generation) await part.narrow(this.#terms, null);
    return () => void this.#parts.delete(part);
  }

  /** Errors: those of the parts. */
  async narrow(terms: Terms, resolved: ResolvedPolicy | null): Promise<readonly string[]> {
    this.#terms = terms;
    this.#generation += 1;
    const taken = await Promise.all([...this.#parts].map((part) => part.narrow(terms, resolved)));
    return taken.flat();
  }
}
