import { createHash, randomBytes } from "node:crypto";
import type { SessionContext } from "../context.ts";
import { SessionError } from "../error.ts";
import type { Question, Reply } from "../question.ts";

/** A null timeout waits as long as may be waited. */
export type Draft = Omit<Question, "id" | "session">;

/**
 * Puts a question to whoever answers, while the run's clock stands still. Errors: `timed_out`, `nobody_to_ask`, the
 * signal's reason, `overloaded` where too many wait already; every other failure of asking is `failed`, never a yes.
 */
export async function askQuestion(context: SessionContext, draft: Draft, signal: AbortSignal): Promise<Reply> {
  const timeout = Math.min(draft.timeout ?? context.maxPause, context.maxPause);
  const question: Question = { ...draft, id: `q${randomBytes(6).toString("hex")}`, session: context.id, timeout };
  const { text, data, diff, schema } = question;
  const all = JSON.stringify([text, data, diff, schema]);
  const leave = context.questioner.enter(all.length);
  try {
    const shown = createHash("sha256").update(all).digest("hex");
    return await put(context, { question, shown, timeout }, signal);
  } finally {
    leave();
  }
}

interface Put {
  readonly question: Question;
  /** Digest of all that is shown. */
  readonly shown: string;
  readonly timeout: number;
}

async function put(context: SessionContext, { question, shown, timeout }: Put, signal: AbortSignal): Promise<Reply> {
  const { id, text, call, kind } = question;
  context.record({ kind: "session.asked", question: id, call, about: kind, text, shown }, "durable");
  const withdrawn = new AbortController();
  const onAbort = (): void => withdrawn.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  const late = new SessionError("timed_out", "nobody answered in time", {
    rule: timeout < context.maxPause ? `the question's own timeout: ${timeout} ms` : `limits.max_pause: ${timeout} ms`,
  });
  const timer = setTimeout(() => withdrawn.abort(late), Math.min(timeout, LONGEST_TIMER)).unref();
  const goOn = context.clock.pause();
  let outcome: "approved" | "denied" | "timed_out" | "aborted" = "aborted";
  let by = "nobody";
  try {
    const reply = await raced(context.questioner.ask(question, withdrawn.signal), withdrawn.signal);
    if (signal.aborted) throw signal.reason;
    outcome = reply.approve ? "approved" : "denied";
    by = reply.by;
    return reply;
  } catch (error) {
    if (error === late) outcome = "timed_out";
    throw error;
  } finally {
    goOn();
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
    if (!withdrawn.signal.aborted) withdrawn.abort(new SessionError("cancelled", "the question is answered"));
    context.record({ kind: "session.answered", question: id, outcome, by }, "durable");
  }
}

const LONGEST_TIMER = 2 ** 31 - 1;

/** Whoever asks need not be obedient. */
function raced<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void =>
      reject(
        signal.reason instanceof Error ? signal.reason : new SessionError("cancelled", "the question was withdrawn"),
      );
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
