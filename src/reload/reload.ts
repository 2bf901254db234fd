import { setTimeout as sleep } from "node:timers/promises";
import { SandboxedError } from "../policy/index.ts";
import { answersOf, isSame, isSource, readAgain, replaying } from "./answers.ts";
import type { Answer, Answers } from "./answers.ts";
import { Alarm, SteadyClock } from "./clock.ts";
import { ended, isSameMeaning, judge } from "./judge.ts";
import type { Judgement } from "./judge.ts";
import type { DecidedFrom, LiveRun } from "./live-run.ts";
import { Notices } from "./notices.ts";
import { Renewal } from "./renewal.ts";
import type { Terms } from "./terms.ts";
import { FileWatch } from "./watch.ts";

/** An end is final: what brought it has to be there still after that time. Whoever goes on changing it gets no more of it. */
const CONFIRMING_MS = 150;
const MOST_CONFIRMING = 3;

/** Starts to hold a run to its requirements. Errors: those of `live.from`. */
export async function openReload(live: LiveRun): Promise<{ close(): Promise<void> }> {
  const reload = new Reload(live, await live.from());
  await reload.begin();
  return reload;
}

/** What files of requirements say, which of that holds, and when to look again. */
class Reload {
  readonly #live: LiveRun;
  readonly #from: DecidedFrom;
  /** Configuration as it was at the start: nobody undoes a requirement by breaking a file of their own. */
  readonly #settled: Answers;
  /** What the terms in force were made from. */
  #accepted: Answers;
  #seen: Answers;
  /** By what was accepted last, whether or not it made a difference. */
  #latest: Terms;
  readonly #clock = new SteadyClock();
  readonly #renewal: Renewal;
  readonly #notices: Notices;
  readonly #watch = new FileWatch(() => this.#look(false));
  readonly #alarm = new Alarm(this.#clock, () => this.#watch.run(() => this.#look(true)));
  #isOver = false;

  constructor(live: LiveRun, from: DecidedFrom) {
    const answers = answersOf(live.files);
    this.#live = live;
    this.#from = from;
    this.#settled = new Map([...answers].filter(([, answer]) => !isSource(answer)));
    this.#accepted = new Map([...answers].filter(([, answer]) => isSource(answer)));
    this.#seen = this.#accepted;
    this.#latest = from.terms.terms;
    this.#renewal = new Renewal(this.#latest.requirements);
    this.#notices = new Notices(live);
  }

  async begin(): Promise<void> {
    await this.#watchAll();
    // What changed between the decision and now.
    this.#watch.soon();
    this.#alarm.set(this.#renewal.next);
  }

  async close(): Promise<void> {
    this.#isOver = true;
    this.#alarm.clear();
    await this.#watch.close();
  }

  /** `isDue`: something begins or ends to hold by now, whether or not a file has changed. */
  async #look(isDue: boolean): Promise<void> {
    try {
      const files = readAgain(this.#seen);
      if (!isDue && areSame(files, this.#seen)) return;
      await this.#apply(files, isDue);
      await this.#watchAll();
    } catch (error) {
      // Nobody knows any more whether the run is within its bounds.
      if (error instanceof SandboxedError) this.#end(endOf(error.message));
      else this.#end(`they cannot be applied, so this run is ended: ${String(error)}`);
    }
    if (!this.#isOver) this.#alarm.set(this.#renewal.next);
  }

  async #apply(files: Answers, isDue: boolean): Promise<void> {
    let asked = files;
    for (let looks = 0; ; looks++) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const found = await this.#choose(asked, isDue);
      if (this.#isOver) return;
      if (found.judgement?.kind !== "ended") return this.#accept(found);
      // oxlint-disable-next-line no-await-in-loop -- the same
      if (looks < MOST_CONFIRMING) await sleep(CONFIRMING_MS);
      if (this.#isOver) return;
      const again = readAgain(this.#seen);
      if (looks === MOST_CONFIRMING || areSame(again, asked)) return this.#end(endOf(found.judgement.why));
      asked = again;
    }
  }

  /** All that changed if that can be used; else, highest trust first, each file that can. */
  async #choose(files: Answers, isDue: boolean): Promise<Found> {
    this.#seen = files;
    const all = await this.#try(files, isDue);
    if (all.problem === null) return all;
    const changed = [...files].filter(([key, answer]) => !isSame(answer, this.#accepted.get(key)));
    let best: Found = { ...nothing, accepted: this.#accepted, problem: all.problem };
    if (changed.length < 2) return best;
    for (const [key, answer] of changed.toSorted(byTrust)) {
      // oxlint-disable-next-line no-await-in-loop -- each by what came before
      const found = await this.#try(new Map(best.accepted).set(key, answer), false);
      if (found.problem === null) best = { ...found, problem: all.problem };
    }
    return best;
  }

  async #try(files: Answers, isDue: boolean): Promise<Found> {
    const besides = new Map<string, Answer>();
    const now = this.#clock.now();
    const asking = this.#renewal.asking(now, isDue);
    try {
      const terms = await this.#from.decide({
        read: replaying(new Map([...this.#settled, ...files]), besides),
        asking,
      });
      const accepted = new Map([...files, ...sourcesOf(besides)]);
      return { terms, accepted, problem: null, judgement: judge(this.#from.request, this.#from.terms.terms, terms) };
    } catch (error) {
      this.#seen = new Map([...this.#seen, ...sourcesOf(besides)]);
      if (!(error instanceof SandboxedError)) throw error;
      if (isUnusable(error) && !this.#renewal.hasExpired(now)) return { ...nothing, accepted: files, problem: error };
      return { ...nothing, accepted: files, problem: null, judgement: ended(error.message) };
    }
  }

  async #accept({ terms, accepted, judgement, problem }: Found): Promise<void> {
    this.#accepted = accepted;
    this.#seen = new Map([...accepted, ...this.#seen]);
    if (terms === null || judgement === null) this.#renewal.miss(this.#clock.now());
    else await this.#putInForce(terms, judgement);
    if (problem !== null) this.#notices.kept(`those of before stay in force, because ${problem.message}`);
  }

  async #putInForce(terms: Terms, judgement: Judgement): Promise<void> {
    const failure = this.#renewal.adopt(terms.requirements, this.#clock.now());
    if (failure !== null) this.#notices.kept(`a newer bundle cannot be had, and the one of before holds: ${failure}`);
    const latest = this.#latest;
    this.#latest = terms;
    if (judgement.kind === "unchanged") {
      if (!isSameMeaning(latest, terms)) this.#notices.unchanged("what they allow besides is for later runs");
      return;
    }
    if (judgement.kind !== "narrowed") return;
    const { prepared } = judgement;
    const resolved = prepared?.resolved ?? null;
    const door = resolved === null ? null : await this.#live.running.door();
    const generation = door === null || resolved === null ? null : await door.update(resolved);
    const taken = await this.#from.terms.narrow(judgement.terms, resolved);
    if (this.#isOver) return;
    for (const part of taken) this.#notices.narrowed(part, null);
    if (taken.length === 0 || prepared !== null)
      this.#notices.narrowed("what they forbid now holds for this run, too", generation);
  }

  #end(message: string): void {
    if (this.#isOver) return;
    this.#notices.ended(message);
    this.#live.running.revoke();
    this.#isOver = true;
  }

  async #watchAll(): Promise<void> {
    if (!this.#isOver) await this.#watch.watch([...new Set([...this.#seen.values()].map(({ path }) => path))]);
  }
}

/** What can be used of what files say now. `judgement` without `terms` is an end. */
interface Found {
  readonly terms: Terms | null;
  readonly accepted: Answers;
  readonly judgement: Judgement | null;
  /** Why not all of it can. */
  readonly problem: SandboxedError | null;
}

const nothing = { terms: null, judgement: null, problem: null } as const;

function endOf(why: string): string {
  return `this run could not start any more and is ended: ${why}`;
}

function sourcesOf(besides: Answers): Answers {
  return new Map([...besides].filter(([, answer]) => isSource(answer)));
}

function areSame(one: Answers, other: Answers): boolean {
  return one.size === other.size && [...one].every(([key, answer]) => isSame(answer, other.get(key)));
}

function byTrust([, one]: readonly [string, Answer], [, other]: readonly [string, Answer]): number {
  return Number(one.trust !== "administrator") - Number(other.trust !== "administrator");
}

/** About the files themselves; anything else is what they say. */
function isUnusable({ code }: SandboxedError): boolean {
  return code.startsWith("requirements_") && code !== "requirements_conflict";
}
