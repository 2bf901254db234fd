/** What requirements say about a run beside its policy, on its way into the journal. */
import type { Managed } from "../gate/index.ts";
import { compile, placeOf, resolve } from "../policy/index.ts";
import type { Journal, JournalEvent, Oracle, ResolvedPolicy } from "../policy/index.ts";
import { onTrial } from "../sandbox/index.ts";
import type { RunSession, ServeDoor } from "../sandbox/index.ts";

/** The part of a prepared launch that is looked at. */
interface PreparedLaunch {
  readonly oracle: Oracle;
  readonly resolved: ResolvedPolicy;
}

/** What is recorded before the start: exceptions in use, and what rules on trial would have taken from this run. */
export function managedEvents({ exceptions, reported }: Managed, prepared: PreparedLaunch): readonly JournalEvent[] {
  if (exceptions.length === 0 && reported.length === 0) return [];
  const applied: JournalEvent = {
    kind: "requirements.applied",
    exceptions: unique(exceptions.map(({ id, reason, approver, expires }) => ({ id, reason, approver, expires }))),
    reportOnly: unique(reported.flatMap(({ chosenBy }) => (chosenBy === undefined ? [] : [placeOf(chosenBy)]))),
  };
  const files = onTrial(reported, prepared).map(({ target, rule, provenance }): JournalEvent => ({
    kind: "requirements.would_deny",
    target,
    rule,
    place: placeOf(provenance),
  }));
  return [applied, ...unique(files)];
}

/** A program that names another environment than its own is bound by the requirements of both, mostly the same ones. */
function unique<T>(each: readonly T[]): readonly T[] {
  return [...new Map(each.map((one) => [JSON.stringify(one), one])).values()];
}

/** The session, with those events behind its opening. */
export function recordingManaged(session: RunSession, events: readonly JournalEvent[]): RunSession {
  if (events.length === 0) return session;
  const openJournal = (): Journal => {
    const journal = session.openJournal();
    for (const event of events) journal.append(event, "durable");
    return journal;
  };
  return { ...session, openJournal };
}

/** The door, recording what rules on trial would have refused. */
export function reportingDoor(serve: ServeDoor, { reported }: Managed): ServeDoor {
  if (reported.length === 0) return serve;
  return (door, policy, watcher) => {
    const trial = compile(resolve({ layers: reported }, policy.places));
    const record = (event: JournalEvent): void => {
      watcher.record(event);
      if (event.kind !== "network.allowed" || event.target === null) return;
      const end = event.target.lastIndexOf(":");
      const host = event.target.slice(0, end).replace(/^\[|\]$/g, "");
      const decision = trial.decide({ op: "connect", host, port: Number(event.target.slice(end + 1)) });
      if (decision.effect === "allow") return;
      const { rule, provenance } = decision;
      const place = provenance === null ? null : placeOf(provenance);
      watcher.record({ kind: "requirements.would_deny", target: event.target, rule: rule?.text ?? "", place });
    };
    return serve(door, policy, { ...watcher, record });
  };
}
