import { compile } from "../../policy/index.ts";
import type { Oracle, ResolvedPolicy } from "../../policy/index.ts";

/** A policy that can be asked; a resolved one is compiled first. */
export type PolicyInForce = ResolvedPolicy | Pick<Oracle, "reach">;

export interface Generation {
  readonly number: number;
  readonly oracle: Pick<Oracle, "reach">;
}

/** So many can be gone back to. */
const KEPT = 16;

/** The policies of one run, numbered from 1 as they came. Exactly one is in force at any time. */
export class Generations {
  readonly #kept = new Map<number, Generation>();
  #current: Generation;
  #last = 1;

  constructor(policy: PolicyInForce) {
    this.#current = { number: 1, oracle: asked(policy) };
    this.#kept.set(1, this.#current);
  }

  get current(): Generation {
    return this.#current;
  }

  /** The number of the new one. A policy that cannot be compiled changes nothing. Errors: `policy_invalid`. */
  update(policy: PolicyInForce): number {
    const next = { number: this.#last + 1, oracle: asked(policy) };
    this.#last = next.number;
    this.#current = next;
    this.#kept.set(next.number, next);
    for (const number of this.#kept.keys()) if (number <= next.number - KEPT) this.#kept.delete(number);
    return next.number;
  }

  /** Whether that generation was still there, and is in force again under its own number. */
  restore(number: number): boolean {
    const earlier = this.#kept.get(number);
    if (earlier !== undefined) this.#current = earlier;
    return earlier !== undefined;
  }
}

function asked(policy: PolicyInForce): Pick<Oracle, "reach"> {
  if ("reach" in policy) return policy;
  const oracle = compile(policy);
  // Compiles the rules of hosts now, where an error can still be told.
  oracle.reach("localhost", null);
  return oracle;
}
