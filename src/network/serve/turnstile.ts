import { makeAllowance } from "./allowance.ts";

/** Lets so many a second through. Those above it wait in order, up to a bound, instead of being refused. */
export interface Turnstile {
  /** True when it is one's turn; false at once for whom there would be too long to wait, and for all once it is closed. */
  pass(): Promise<boolean>;
  close(): void;
}

/** Seconds of others in front. C libraries give an answer five before they ask again. */
const LONGEST_QUEUE = 4;
/** Of an allowance that is used up, in milliseconds. */
const LOOK_AGAIN = 20;

/** As many as in a second may pass together. */
export function makeTurnstile(perSecond: number, now?: () => number): Turnstile {
  const allowance = makeAllowance(perSecond, now);
  const waiting: ((passes: boolean) => void)[] = [];
  let timer: NodeJS.Timeout | undefined;
  let closed = false;

  const letThrough = (): void => {
    timer = undefined;
    while (waiting.length > 0 && allowance.take()) waiting.shift()?.(true);
    if (waiting.length > 0) timer = setTimeout(letThrough, LOOK_AGAIN);
  };

  return {
    async pass() {
      if (closed) return false;
      if (waiting.length === 0 && allowance.take()) return true;
      if (waiting.length >= LONGEST_QUEUE * perSecond) return false;
      const turn = new Promise<boolean>((resolve) => waiting.push(resolve));
      timer ??= setTimeout(letThrough, LOOK_AGAIN);
      return turn;
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const resolve of waiting.splice(0)) resolve(false);
    },
  };
}
