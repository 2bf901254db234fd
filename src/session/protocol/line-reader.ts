import { Growing } from "../../network/index.ts";
import type { Budget } from "./limits.ts";

/** Cuts a stream into lines, one when it is asked for, and keeps count of what it holds. */
export class LineReader {
  readonly #budget: Budget;
  readonly #bytes = new Growing();
  /** Of these it is known that no line ends in them. */
  #looked = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** False when there is no room for it. */
  feed(chunk: Buffer): boolean {
    if (!this.#budget.take(chunk.length)) return false;
    this.#bytes.add(chunk);
    return true;
  }

  /** The next whole line without its end, good until the next `feed`; null when there is none yet. */
  next(): Buffer | null {
    const end = this.#bytes.indexOf(LINE_FEED, this.#looked);
    if (end < 0) {
      this.#looked = this.#bytes.length;
      return null;
    }
    this.#looked = 0;
    const line = this.#bytes.take(end);
    this.#bytes.take(1);
    this.#budget.give(end + 1);
    return line;
  }

  get held(): number {
    return this.#bytes.length;
  }

  /** Bytes of the line that has not ended yet, once `next` found none. */
  get unfinished(): number {
    return this.#looked;
  }

  drop(): void {
    this.#budget.give(this.#bytes.length);
    this.#bytes.clear();
    this.#looked = 0;
  }
}

const LINE_FEED = 0x0a;
