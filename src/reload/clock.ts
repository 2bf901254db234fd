/** The wall clock that never goes back while it is looked at: somebody who sets it back gains no time. */
export class SteadyClock {
  #latest = Date.now();
  #from = performance.now();

  /** Milliseconds since 1970. */
  now(): number {
    const from = performance.now();
    const steady = this.#latest + (from - this.#from);
    this.#latest = Math.max(Date.now(), steady);
    this.#from = from;
    return Math.floor(this.#latest);
  }
}

/** Also after a machine was asleep, which timers do not count. */
const LONGEST_SLEEP = 60_000;

/** Calls at a time of the clock. Keeps no process alive. */
export class Alarm {
  readonly #clock: SteadyClock;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: SteadyClock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** In the place of an earlier time; null for none. */
  set(time: number | null): void {
    this.clear();
    if (time === null) return;
    const left = time - this.#clock.now();
    // A timer may be early by what a clock does not show.
    const act = (): void => (this.#clock.now() < time ? this.set(time) : this.#ring());
    this.#timer = setTimeout(act, Math.min(Math.max(left, 0), LONGEST_SLEEP)).unref();
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
