import { observed } from "../audit/index.ts";
import { withDefaults } from "./defaults.ts";
import { equip, prepare, start } from "./gated.ts";
import type { LaunchRequest, LaunchStart } from "./gated.ts";
import type { JournalEvent, Places } from "../policy/index.ts";
import { MOST_ATTEMPTS, sessionAfter, streamsOf, untilItFits, withSummaries } from "../run/index.ts";
import type { ChannelRequest, ProgramStreams } from "../run/index.ts";
import type { Running, RunOutcome, StartRequest } from "../sandbox/index.ts";
import type { AnswerQuestion, Answerer } from "../session/index.ts";

/** A run that has begun, for a host that takes part in it. */
export interface Started {
  /** What the program writes, and reads; null where standard output or standard error is no pipe. */
  readonly streams: ProgramStreams | null;
  /** Its network, once that is served; `update` takes a policy resolved for `places`. Null for runs without a door. */
  readonly door: Running["door"];
  readonly places: Places;
}

/** One run as a host asks for it; what it need not say is as `withDefaults` has it. */
export interface RunOptions
  extends
    Pick<LaunchRequest, "policy" | "program">,
    Partial<Omit<LaunchRequest, "policy" | "program" | "session">>,
    Partial<LaunchStart>,
    Partial<Omit<ChannelRequest, "answerers">> {
  /**
   * Called when the program is about to start, and once more where a launch does not fit the host any more and is made anew:
   * nothing came of the first then. An error that it throws, or rejects with while the program runs, ends the run.
   */
  readonly onStart?: (started: Started) => void | Promise<void>;
  /** Told of what goes into the journal, in its order; the opening of the session apart. An error that it throws ends the run. */
  readonly onEvent?: (event: JournalEvent) => void;
  /** Asked for an answer when the program, or one of its capabilities, wants one; null leaves it to others. */
  readonly onCheckpoint?: AnswerQuestion;
}

/**
 * Runs the program to its end. What it handed to its session is in the outcome. Errors: those of `prepare`, `equip` and
 * `start`; what a callback throws.
 */
export async function run(options: RunOptions): Promise<RunOutcome> {
  const request = withDefaults(options);
  const { grants = [], onStart } = request;
  const session = toldSession(request.session, options.onEvent);
  const wanted = await channelOf(options);
  return untilItFits(MOST_ATTEMPTS, async (stale) => {
    const prepared = await prepare({ ...request, channel: grants.length > 0 });
    const { launchable, channel, ...equipment } = await equip(prepared, wanted, session.id);
    try {
      const running = start({ ...equipment, ...request, session: sessionAfter(session, stale) }, launchable);
      const { streams } = request;
      const fault = onStart && (await tellStart({ running, streams, places: prepared.resolved.places, onStart }));
      const outcome = await withSummaries(await running.outcome, channel);
      if (fault?.thrown !== undefined) throw fault.thrown;
      return outcome;
    } finally {
      channel?.close();
    }
  });
}

async function channelOf(options: RunOptions): Promise<ChannelRequest> {
  const { grants = [], onCheckpoint, tools, onClose, onSummary, maxPause, ephemeral } = options;
  return {
    grants,
    answerers: onCheckpoint === undefined ? [] : [await answerer(onCheckpoint)],
    ...(tools !== undefined && { tools }),
    ...(onClose !== undefined && { onClose }),
    ...(onSummary !== undefined && { onSummary }),
    ...(maxPause !== undefined && { maxPause }),
    ...(ephemeral !== undefined && { ephemeral }),
  };
}

interface Telling extends Pick<Started, "places"> {
  readonly running: Running;
  readonly streams: StartRequest["streams"];
  readonly onStart: NonNullable<RunOptions["onStart"]>;
}

/** Settles when the host was told. What it throws, then or later, ends the run and is in the result. */
async function tellStart({ running, streams: asked, places, onStart }: Telling): Promise<{ thrown?: unknown }> {
  const { door, outcome } = running;
  outcome.catch(() => {}); // awaited by the caller
  const fault: { thrown?: unknown } = {};
  const [, output, error] = asked;
  const isPiped = output === "pipe" && error === "pipe";
  const streams = isPiped ? await streamsOf(running) : null;
  if (isPiped && streams === null) return fault; // it ended before
  const end = (thrown: unknown): void => {
    fault.thrown = thrown;
    running.revoke();
  };
  try {
    Promise.resolve(onStart({ streams, door, places })).catch(end);
  } catch (thrown) {
    end(thrown);
  }
  return fault;
}

/** The session, with a listener at its journal. */
function toldSession(
  session: StartRequest["session"],
  onEvent: ((event: JournalEvent) => void) | undefined,
): StartRequest["session"] {
  return onEvent === undefined ? session : { ...session, openJournal: () => observed(session.openJournal(), onEvent) };
}

async function answerer(ask: AnswerQuestion): Promise<Answerer> {
  const { callbackAnswerer } = await import("../session/index.ts");
  return callbackAnswerer(ask);
}
