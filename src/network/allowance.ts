/** So many a second, and as many at once; what is not used is not saved up beyond that. */
export interface Allowance {
  /** Whether one more may pass now. */
  take(): boolean;
}

/** `now` in milliseconds, from a clock that never goes back. */
export function makeAllowance(perSecond: number, now: () => number = () => performance.now()): Allowance {
  let left = perSecond;
  let last = now();
  return {
    take() {
      const time = now();
      left = Math.min(perSecond, left + ((time - last) / 1000) * perSecond);
      last = time;
      if (left < 1) return false;
      left -= 1;
      return true;
    },
  };
}
