import { SessionError } from "../error.ts";
import type { Within } from "../grant/grant.ts";

interface Waiting {
  readonly call: Within;
  readonly go: () => void;
}

/** What one call at a time may have: an exclusive tool. Whoever would wait for a call that waits for it is told so. */
export class Waits {
  readonly #holders = new Map<string, Within>();
  readonly #queues = new Map<string, Waiting[]>();

  /** Settles when the call has it; call the result to give it back. Errors: `would_deadlock`, the signal's reason. */
  async take(name: string, call: Within, signal: AbortSignal): Promise<() => void> {
    const holder = this.#holders.get(name);
    if (holder === undefined) this.#holders.set(name, call);
    else {
      if (this.#waitsFor(holder, call, new Set())) {
        throw new SessionError("would_deadlock", `${name} is in use by a call that waits for this one`, {
          rule: `${name} takes one call at a time`,
          data: { held_by: holder.id },
        });
      }
      await this.#queue(name, call, signal);
    }
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#next(name);
    };
  }

  /** Whether `holder` cannot end before `call` does. */
  #waitsFor(holder: Within, call: Within, seen: Set<Within>): boolean {
    if (seen.has(holder)) return false;
    seen.add(holder);
    if (isAncestor(holder, call)) return true;
    // It waits for whoever works for it, who may wait for somebody else.
    for (const [name, queue] of this.#queues) {
      for (const waiting of queue) {
        if (!isAncestor(holder, waiting.call)) continue;
        const next = this.#holders.get(name);
        if (next !== undefined && this.#waitsFor(next, call, seen)) return true;
      }
    }
    return false;
  }

  #queue(name: string, call: Within, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#queues.get(name) ?? [];
      this.#queues.set(name, queue);
      const leave = (): void => {
        const at = queue.indexOf(waiting);
        if (at >= 0) queue.splice(at, 1);
        reject(signal.reason instanceof Error ? signal.reason : new SessionError("cancelled", "the call was given up"));
      };
      const waiting: Waiting = {
        call,
        go: () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
      };
      if (signal.aborted) return leave();
      signal.addEventListener("abort", leave, { once: true });
      queue.push(waiting);
    });
  }

  #next(name: string): void {
    const queue = this.#queues.get(name);
    const next = queue?.shift();
    if (queue?.length === 0) this.#queues.delete(name);
    if (next === undefined) this.#holders.delete(name);
    else {
      this.#holders.set(name, next.call);
      next.go();
    }
  }
}

/** Whether `call` is the same or was made by somebody whom `ancestor` waits for. */
export function isAncestor(ancestor: Within, call: Within): boolean {
  for (let at: Within | null = call; at !== null; at = at.grant.within) if (at === ancestor) return true;
  return false;
}
