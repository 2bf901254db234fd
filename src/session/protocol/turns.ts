/** How long requests are worked on before timers, signals and everybody else have their turn, in milliseconds. */
const SLICE = 10;

/**
 * Shares the event loop: the limits of a run, its cancelling and its door are in the same process, and no script may keep
 * them from acting by asking for what takes long, over however many connections.
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  /** Since when requests are worked on in this turn of the event loop; null when none was yet. */
  #since: number | null = null;

  #isArmed = false;

  /** Whether what comes now has to wait for the next turn. */
  get isOver(): boolean {
    const now = performance.now();
    if (this.#since === null) {
      this.#since = now;
      this.#arm();
    }
    return now - this.#since > SLICE;
  }

  /** Calls it in a later turn that has time left, after those that asked before. */
  later(act: () => void): void {
    this.#waiting.push(act);
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => this.#renew());
  }

  #renew(): void {
    this.#isArmed = false;
    this.#since = null;
    for (let left = this.#waiting.length; left > 0 && !this.isOver; left -= 1) this.#waiting.shift()?.();
    if (this.#waiting.length > 0) this.#arm();
  }
}
