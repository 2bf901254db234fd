import type { Budget } from "./limits.ts";

/** Cuts a stream into lines, and keeps count of what it holds. */
export class LineReader {
  readonly #budget: Budget;
  #parts: Buffer[] = [];
  #size = 0;
  #lines: Buffer[] = [];
  #held = 0;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** False when there is no room for it. */
  feed(chunk: Buffer): boolean {
    if (!this.#budget.take(chunk.length)) return false;
    this.#held += chunk.length;
    let from = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
      const last = chunk.subarray(from, end);
      this.#lines.push(this.#parts.length === 0 ? last : Buffer.concat([...this.#parts, last]));
      this.#parts = [];
      this.#size = 0;
      from = end + 1;
    }
    if (from < chunk.length) {
      this.#parts.push(chunk.subarray(from));
      this.#size += chunk.length - from;
    }
    return true;
  }

  /** The next whole line without its end; null when there is none yet. */
  next(): Buffer | null {
    const line = this.#lines[this.#read];
    if (line === undefined) return null;
    this.#read += 1;
    if (this.#read === this.#lines.length || this.#read > 1024) {
      this.#lines = this.#lines.slice(this.#read);
      this.#read = 0;
    }
    this.#release(line.length + 1);
    return line;
  }

  /** Bytes of the line that has not ended yet. */
  get unfinished(): number {
    return this.#size;
  }

  drop(): void {
    this.#parts = [];
    this.#lines = [];
    this.#size = 0;
    this.#release(this.#held);
  }

  #read = 0;

  #release(bytes: number): void {
    this.#held -= bytes;
    this.#budget.give(bytes);
  }
}

const LINE_FEED = 0x0a;
