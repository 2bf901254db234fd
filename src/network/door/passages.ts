import type { Passage } from "../decide/gate.ts";

/** Something that passes now, and how to end it at once. */
export interface OpenPassage {
  readonly passage: Passage;
  readonly cut: () => void;
}

/** One that is being watched over; -1 once it was released. */
interface Held extends OpenPassage {
  at: number;
}

/**
 * All tunnels and requests that are open, so that a narrower policy reaches them. A plain list: each request comes and
 * goes, and the tables that a Set leaves behind as it does keep the last few requests alive until the next full collection.
 */
export class OpenPassages {
  readonly #open: Held[] = [];

  /** Returns how to release it; releasing twice is nothing. */
  hold({ passage, cut }: OpenPassage): () => void {
    const held: Held = { passage, cut, at: this.#open.length };
    this.#open.push(held);
    return () => this.#release(held);
  }

  /** Cuts what does not hold any more. */
  review(holds: (passage: Passage) => boolean): void {
    for (const held of this.#open.filter(({ passage }) => !holds(passage))) {
      if (held.at === -1) continue;
      this.#release(held);
      held.cut();
    }
  }

  /** The last one takes its place. */
  #release(held: Held): void {
    const { at } = held;
    if (at === -1) return;
    held.at = -1;
    const last = this.#open.pop();
    if (last === undefined || last === held) return;
    this.#open[at] = last;
    last.at = at;
  }
}
