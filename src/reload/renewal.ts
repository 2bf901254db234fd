import type { Asking } from "../gate/index.ts";
import type { Requirements } from "../requirements/index.ts";

/** A run does not ask a server more often, whatever `refresh` says. */
const SHORTEST = 1000;
/** What fails is tried again after a while, each time a longer one. */
const FIRST_DELAY = 60_000;
const LONGEST_DELAY = 3_600_000;
/** Of any delay: machines that started together do not ask together. */
const JITTER = 0.1;

/** When requirements have to be looked at again though no file has changed, and when their bundle is fetched anew. */
export class Renewal {
  /** An exception ends, a rule that was on trial begins to hold, the bundle expires. */
  #changesAt: number | null = null;
  #dueAt: number | null = null;
  #expires = Infinity;
  #failures = 0;
  /** The server is being asked. */
  #isUnderWay = false;
  #lastBegan = -Infinity;
  readonly #serials = new Map<string, number>();

  constructor(requirements: readonly Requirements[]) {
    this.adopt(requirements, Date.now(), false);
  }

  /** Milliseconds since 1970; null for never. */
  get next(): number | null {
    const times = [this.#changesAt, this.#dueAt].filter((time) => time !== null);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Whether what is in force holds no longer. */
  hasExpired(now: number): boolean {
    return now >= this.#expires;
  }

  asking(now: number): Required<Asking>["asking"] {
    return { now, renew: "never", leastSerials: this.#serials };
  }

  /** Whether it is time to fetch the bundle anew. */
  isDue(now: number): boolean {
    return this.#dueAt !== null && now >= this.#dueAt;
  }

  /** Whether the server can be asked now; `end` says that it was. */
  begin(now: number): boolean {
    if (this.#isUnderWay) return false;
    const soonest = this.#lastBegan + SHORTEST;
    this.#isUnderWay = now >= soonest;
    this.#dueAt = this.#isUnderWay ? null : soonest;
    if (this.#isUnderWay) this.#lastBegan = now;
    return this.#isUnderWay;
  }

  /** There is another try after a while, unless what came is adopted. */
  end(now: number): void {
    this.#isUnderWay = false;
    this.#delay(now);
  }

  /** These can be used; `wasAsked`: as their server has just said. Returns why a newer bundle cannot be had, if so. */
  adopt(requirements: readonly Requirements[], now: number, wasAsked: boolean): string | null {
    const changes = requirements.flatMap(({ changesAt }) => changesAt ?? []);
    this.#changesAt = changes.length === 0 ? null : Math.min(...changes);
    const bundles = requirements.flatMap(({ bundle }) => bundle ?? []);
    for (const { url, serial } of bundles) this.#serials.set(url, Math.max(serial, this.#serials.get(url) ?? 0));
    const expiries = bundles.map(({ expires }) => expires);
    this.#expires = expiries.length === 0 ? Infinity : Math.min(...expiries);
    const failure = bundles.find((bundle) => bundle.failure !== null)?.failure ?? null;
    if (failure === null) this.#failures = 0;
    if (bundles.length === 0 || this.#isUnderWay) this.#dueAt = null;
    else if (failure !== null) this.#delay(now);
    else {
      const next = now + jittered(Math.max(Math.min(...bundles.map(({ due }) => due)) - now, SHORTEST));
      // Nobody puts it off by changing files.
      this.#dueAt = wasAsked ? next : Math.min(next, this.#dueAt ?? next);
    }
    return failure;
  }

  /** What is there now cannot be used: for what was due there is another try. */
  miss(now: number): void {
    if (this.#dueAt !== null && this.#dueAt <= now) this.#delay(now);
    if (this.#changesAt !== null && this.#changesAt <= now) this.#changesAt = now + jittered(FIRST_DELAY);
  }

  /** A look that is not due comes between, perhaps: only one that is counts. */
  #delay(now: number): void {
    if (this.#dueAt !== null && this.#dueAt > now) return;
    this.#dueAt = now + jittered(Math.min(FIRST_DELAY * 2 ** this.#failures, LONGEST_DELAY));
    this.#failures += 1;
  }
}

function jittered(delay: number): number {
  return Math.ceil(delay * (1 + Math.random() * JITTER));
}
