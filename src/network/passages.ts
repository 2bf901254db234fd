import type { Passage } from "./gate.ts";

/** Something that passes now, and how to end it at once. */
export interface OpenPassage {
  readonly passage: Passage;
  readonly cut: () => void;
}

/** All tunnels and requests that are open, so that a narrower policy reaches them. */
export class OpenPassages {
  readonly #open = new Set<OpenPassage>();

  hold(open: OpenPassage): OpenPassage {
    this.#open.add(open);
    return open;
  }

  release(open: OpenPassage): void {
    this.#open.delete(open);
  }

  /** Cuts what does not hold any more. */
  review(holds: (passage: Passage) => boolean): void {
    for (const open of this.#open) {
      if (holds(open.passage)) continue;
      this.#open.delete(open);
      open.cut();
    }
  }
}
