import { SessionError } from "./error.ts";

/**
 * How long a run's wall clock stood still. Any number of reasons pause it once: the first stops it, the last end
 * lets it go on. Never longer than `most` milliseconds in all.
 */
export class RunClock {
  readonly #most: number;
  readonly #now: () => number;
  #reasons = 0;
  #since = 0;
  #before = 0;

  /** `now` in milliseconds, never going back. */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  /** Returns what ends this pause; a second call of it does nothing. */
  pause(): () => void {
    if (this.#reasons === 0) this.#since = this.#now();
    this.#reasons += 1;
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#end();
    };
  }

  /** Milliseconds so far, a pause that goes on included. */
  paused(): number {
    const current = this.#reasons === 0 ? 0 : this.#now() - this.#since;
    return Math.min(this.#before + current, this.#most);
  }

  get isPaused(): boolean {
    return this.#reasons > 0 && this.paused() < this.#most;
  }

  #end(): void {
    if (this.#reasons === 0) throw new SessionError("failed", "the clock runs already");
    this.#reasons -= 1;
    if (this.#reasons === 0) this.#before += this.#now() - this.#since;
  }
}
