/** So many a second; what is not used is saved up, but not without end. */
export interface Allowance {
  /** Whether one more may pass now. */
  take(): boolean;
}

/** `atOnce` may pass together, as many as in a second by default. `now` in milliseconds, of a clock that never goes back. */
export function makeAllowance(
  perSecond: number,
  now: () => number = () => performance.now(),
  atOnce: number = perSecond,
): Allowance {
  let left = atOnce;
  let last = now();
  return {
    take() {
      const time = now();
      left = Math.min(atOnce, left + ((time - last) / 1000) * perSecond);
      last = time;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
