/** How long one answer is waited for. */
export interface Wait {
  /** Aborted with the reason when the time is over. */
  readonly signal: AbortSignal;
  end(): void;
}

/** The waits for one server's answers. All of them stand still while it waits for an answer of ours. */
export class Patience {
  readonly #waits = new Set<Timer>();
  #pauses = 0;

  /** For `most` milliseconds of running time; then `late` says why it is over. */
  begin(most: number, late: () => Error): Wait {
    const controller = new AbortController();
    const timer = new Timer(most, () => {
      this.#waits.delete(timer);
      controller.abort(late());
    });
    this.#waits.add(timer);
    if (this.#pauses === 0) timer.run();
    return {
      signal: controller.signal,
      end: () => {
        timer.stop();
        this.#waits.delete(timer);
      },
    };
  }

  /** Returns what ends this pause; a second call of it does nothing. */
  pause(): () => void {
    this.#pauses += 1;
    if (this.#pauses === 1) for (const timer of this.#waits) timer.stop();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#pauses -= 1;
      if (this.#pauses === 0) for (const timer of this.#waits) timer.run();
    };
  }
}

/** Node's own take no longer ones. */
const LONGEST = 2 ** 31 - 1;

class Timer {
  #left: number;
  readonly #over: () => void;
  #since = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(most: number, over: () => void) {
    this.#left = Math.min(most, LONGEST);
    this.#over = over;
  }

  run(): void {
    if (this.#timer !== null) return;
    this.#since = performance.now();
    this.#timer = setTimeout(this.#over, this.#left);
  }

  stop(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#left = Math.max(0, this.#left - (performance.now() - this.#since));
  }
}

/** Settles when `act` does, or after so many milliseconds. */
export async function within(most: number, act: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, most);
  });
  await Promise.race([act, late]);
  clearTimeout(timer);
}
