import type { LiveRun, RequirementsChange } from "./live-run.ts";

/** Of changes that come to nothing; beyond, somebody only wants to fill the journal. */
const MOST_VAIN = 100;

/** Tells a run's owner and its journal. What is kept for the same reason is not told twice in a row. */
export class Notices {
  readonly #live: LiveRun;
  #last = "";
  #vain = 0;

  constructor(live: LiveRun) {
    this.#live = live;
  }

  narrowed(message: string, generation: number | null): void {
    this.#tell({ effect: "narrowed", message, generation });
  }

  ended(message: string): void {
    this.#tell({ effect: "ended", message, generation: null });
  }

  unchanged(message: string): void {
    this.#tellVain({ effect: "unchanged", message, generation: null });
  }

  kept(message: string): void {
    if (message !== this.#last) this.#tellVain({ effect: "kept", message, generation: null });
  }

  #tellVain(change: RequirementsChange): void {
    if (this.#vain >= MOST_VAIN) return;
    this.#vain += 1;
    this.#tell(change);
  }

  #tell({ effect, message, generation }: RequirementsChange): void {
    this.#last = message;
    const text = `the requirements changed: ${message}`;
    this.#live.running.record({ kind: "requirements.reloaded", effect, message, generation }, "durable");
    this.#live.tell({ effect, message: text, generation });
  }
}
