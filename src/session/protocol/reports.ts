import type { OpenCall } from "../call/open.ts";
import type { JsonObject } from "../json.ts";

interface Told {
  last: JsonObject | null;
  omitted: number;
}

/**
 * What the calls of one connection tell of their progress, in order. What nobody reads in time is old: of that the last
 * is kept, and `omitted` in the next that is written says how many were left out before it.
 */
export class Reports {
  readonly #told = new Map<OpenCall, Told>();
  readonly #isRead: () => boolean;
  readonly #write: (report: JsonObject) => void;

  constructor(isRead: () => boolean, write: (report: JsonObject) => void) {
    this.#isRead = isRead;
    this.#write = write;
  }

  tell(call: OpenCall, report: JsonObject): void {
    const told = this.#told.get(call) ?? { last: null, omitted: 0 };
    this.#told.set(call, told);
    if (told.last !== null) told.omitted += 1;
    told.last = report;
    if (this.#isRead()) this.#writeLast(told);
  }

  /** There is room again. */
  writeAll(): void {
    for (const told of this.#told.values()) this.#writeLast(told);
  }

  /** Before the answer to the call. */
  end(call: OpenCall): void {
    const told = this.#told.get(call);
    if (told === undefined) return;
    this.#writeLast(told);
    this.#told.delete(call);
  }

  #writeLast(told: Told): void {
    const { last, omitted } = told;
    told.last = null;
    told.omitted = 0;
    if (last !== null) this.#write(omitted === 0 ? last : { ...last, omitted });
  }
}
