import { setTimeout as sleep } from "node:timers/promises";
import { SandboxedError } from "../policy/index.ts";
import { answersOf, isSame, isSource, readAgain } from "./answers.ts";
import type { Answers } from "./answers.ts";
import { Chooser } from "./choose.ts";
import type { Found } from "./choose.ts";
import { Alarm, SteadyClock } from "./clock.ts";
import { isSameMeaning } from "./judge.ts";
import type { Judgement } from "./judge.ts";
import type { DecidedFrom, LiveRun } from "./live-run.ts";
import { Notices } from "./notices.ts";
import { fetchAnew } from "./refetch.ts";
import type { Fetched } from "./refetch.ts";
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
  readonly #settled: Answers;
  readonly #chooser: Chooser;
  /** What the terms in force were made from. */
  #accepted: Answers;
  #seen: Answers;
  /** By what was accepted last, whether or not it made a difference. */
  #latest: Terms;
  readonly #clock = new SteadyClock();
  readonly #renewal: Renewal;
  readonly #notices: Notices;
  readonly #watch = new FileWatch(() => this.#look(false));
  readonly #alarm = new Alarm(this.#clock, () => this.#ring());
  #isOver = false;

  constructor(live: LiveRun, from: DecidedFrom) {
    const answers = answersOf(live.files);
    this.#live = live;
    this.#from = from;
    this.#settled = new Map([...answers].filter(([, answer]) => !isSource(answer)));
    this.#chooser = new Chooser(from, this.#settled);
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

  /** Something begins or ends to hold, or a newer bundle is due. */
  #ring(): void {
    if (this.#renewal.isDue(this.#clock.now())) this.#fetch();
    this.#watch.run(() => this.#look(true));
  }

  /** Files are looked at meanwhile: nobody keeps a change from holding by having a server not answer. */
  #fetch(): void {
    const now = this.#clock.now();
    if (this.#isOver || !this.#renewal.begin(now)) return;
    fetchAnew(this.#from.decide, this.#settled, this.#renewal.asking(now)).then(
      (fetched) => {
        this.#renewal.end(this.#clock.now());
        this.#watch.run(() => this.#look(true, fetched));
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** `isDue`: there may be something new by now, whether or not a file has changed. */
  async #look(isDue: boolean, fetched: Fetched | null = null): Promise<void> {
    try {
      const files = this.#read(fetched);
      if (!isDue && areSame(files, this.#seen)) return;
      await this.#apply(files, fetched);
      await this.#watchAll();
    } catch (error) {
      this.#fail(error);
    }
    if (!this.#isOver) this.#alarm.set(this.#renewal.next);
  }

  #read(fetched: Fetched | null): Answers {
    return new Map([...readAgain(this.#seen), ...(fetched?.kept ?? [])]);
  }

  async #apply(files: Answers, fetched: Fetched | null): Promise<void> {
    let asked = files;
    for (let looks = 0; ; looks++) {
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      const found = await this.#choose(asked, fetched);
      if (this.#isOver) return;
      if (found.judgement?.kind !== "ended") return this.#accept(found, fetched);
      // oxlint-disable-next-line no-await-in-loop -- the same
      if (looks < MOST_CONFIRMING) await sleep(CONFIRMING_MS);
      if (this.#isOver) return;
      const again = this.#read(fetched);
      if (looks === MOST_CONFIRMING || areSame(again, asked)) return this.#end(endOf(found.judgement.why));
      asked = again;
    }
  }

  async #choose(files: Answers, fetched: Fetched | null): Promise<Found> {
    const now = this.#clock.now();
    const hasExpired = this.#renewal.hasExpired(now);
    const asking = this.#renewal.asking(now);
    const found = await this.#chooser.choose({ files, accepted: this.#accepted, asking, hasExpired, fetched });
    this.#seen = found.seen;
    return found;
  }

  async #accept({ terms, accepted, judgement, problem, lacksBundle }: Found, fetched: Fetched | null): Promise<void> {
    this.#accepted = accepted;
    this.#seen = new Map([...accepted, ...this.#seen]);
    if (terms === null || judgement === null) this.#renewal.miss(this.#clock.now());
    else await this.#putInForce(terms, judgement, fetched);
    if (lacksBundle) this.#fetch();
    else if (problem !== null) this.#notices.kept(`those of before stay in force, because ${problem.message}`);
  }

  async #putInForce(terms: Terms, judgement: Judgement, fetched: Fetched | null): Promise<void> {
    const said = this.#renewal.adopt(terms.requirements, this.#clock.now(), fetched !== null);
    const failure = fetched?.failure?.message ?? said;
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

  /** Nobody knows any more whether the run is within its bounds. */
  #fail(error: unknown): void {
    const isRefusal = error instanceof SandboxedError;
    this.#end(isRefusal ? endOf(error.message) : `they cannot be applied, so this run is ended: ${String(error)}`);
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

function endOf(why: string): string {
  return `this run could not start any more and is ended: ${why}`;
}

function areSame(one: Answers, other: Answers): boolean {
  return one.size === other.size && [...one].every(([key, answer]) => isSame(answer, other.get(key)));
}
