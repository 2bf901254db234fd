import type { Asking } from "../gate/index.ts";
import { SandboxedError } from "../policy/index.ts";
import { isSame, isSource, replaying } from "./answers.ts";
import type { Answer, Answers } from "./answers.ts";
import { ended, judge } from "./judge.ts";
import type { Judgement } from "./judge.ts";
import type { DecidedFrom } from "./live-run.ts";
import type { Fetched } from "./refetch.ts";
import type { Terms } from "./terms.ts";

/** What can be used of what files say now. `judgement` without `terms` is an end. */
export interface Found {
  readonly terms: Terms | null;
  /** What that was made from. */
  readonly accepted: Answers;
  readonly judgement: Judgement | null;
  /** Why not all of it can. */
  readonly problem: SandboxedError | null;
  /** Whether its server has to say first if there is a bundle that counts. */
  readonly lacksBundle: boolean;
  /** Every source that was asked. */
  readonly seen: Answers;
}

export interface Choice {
  /** What files say now. */
  readonly files: Answers;
  /** What the terms in force were made from. */
  readonly accepted: Answers;
  readonly asking: NonNullable<Asking["asking"]>;
  /** Whether what is in force holds no longer. */
  readonly hasExpired: boolean;
  /** What the server of the bundle has just said; null where it was not asked. */
  readonly fetched: Fetched | null;
}

/** Decides a run once more from what files say. Nothing happens yet, and no server is asked. */
export class Chooser {
  readonly #from: DecidedFrom;
  /** Configuration as it was at the start: nobody undoes a requirement by breaking a file of their own. */
  readonly #settled: Answers;

  constructor(from: DecidedFrom, settled: Answers) {
    this.#from = from;
    this.#settled = settled;
  }

  /** All that changed if that can be used; else, highest trust first, each file that can. */
  async choose(choice: Choice): Promise<Found> {
    const { files, accepted } = choice;
    const all = await this.#try(files, choice);
    if (all.problem === null) return all;
    const changed = [...files].filter(([key, answer]) => !isSame(answer, accepted.get(key)));
    let best: Found = { ...all, accepted };
    if (changed.length < 2) return best;
    for (const [key, answer] of changed.toSorted(byTrust)) {
      // oxlint-disable-next-line no-await-in-loop -- each by what came before
      const found = await this.#try(new Map(best.accepted).set(key, answer), choice);
      const seen = new Map([...found.seen, ...best.seen]);
      best =
        found.problem === null
          ? { ...found, problem: all.problem, lacksBundle: all.lacksBundle, seen }
          : { ...best, seen };
    }
    return best;
  }

  async #try(files: Answers, { asking, hasExpired, fetched }: Choice): Promise<Found> {
    const besides = new Map<string, Answer>();
    const read = replaying(new Map([...this.#settled, ...files]), besides);
    const sources = (): Answers => new Map([...files, ...[...besides].filter(([, answer]) => isSource(answer))]);
    const nothing = { terms: null, judgement: null, problem: null, accepted: files, lacksBundle: false };
    try {
      const terms = await this.#from.decide({ read, asking });
      const judgement = judge(this.#from.request, this.#from.terms.terms, terms);
      return { ...nothing, terms, judgement, accepted: sources(), seen: sources() };
    } catch (error) {
      if (!(error instanceof SandboxedError)) throw error;
      const seen = sources();
      const lacksBundle = error.code === "requirements_fetch" || error.code === "requirements_expired";
      if (lacksBundle && fetched === null) return { ...nothing, problem: error, lacksBundle, seen };
      const why = (lacksBundle ? fetched?.failure : null) ?? error;
      if (isUnusable(why) && !hasExpired) return { ...nothing, problem: why, seen };
      return { ...nothing, judgement: ended(why.message), seen };
    }
  }
}

function byTrust([, one]: readonly [string, Answer], [, other]: readonly [string, Answer]): number {
  return Number(one.trust !== "administrator") - Number(other.trust !== "administrator");
}

/** About the files themselves; anything else is what they say. */
function isUnusable({ code }: SandboxedError): boolean {
  return code.startsWith("requirements_") && code !== "requirements_conflict";
}
