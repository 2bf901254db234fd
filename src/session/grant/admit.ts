import type { CapabilityKind } from "../capability/kinds.ts";
import { formatCapability } from "../capability/text.ts";
import { SessionError } from "../error.ts";
import { lineage } from "./grant.ts";
import type { Grant } from "./grant.ts";
import type { HeldCapability, Spent } from "./held.ts";

/** What a call is carried out by: at each level of the grants' line, what covers it. */
export interface Admission {
  readonly used: readonly HeldCapability[];
  /** Those that want a person's yes. */
  readonly asking: readonly HeldCapability[];
}

/**
 * Decides by the grant and all it comes from, so that a derived token never does what its parent could not, and takes
 * one use of everything that covers the call: all of it or nothing, in one turn of the event loop.
 * `subjects` empty asks for the kind alone. Errors: `not_granted`, `expired`, `exhausted`, `rate_limited`.
 */
export function admit(grant: Grant, kind: CapabilityKind, subjects: readonly string[], now: number): Admission {
  const used = new Set<HeldCapability>();
  for (const level of lineage(grant)) {
    const ofKind = level.held.filter(({ capability }) => capability.kind === kind);
    if (subjects.length === 0) used.add(choose(ofKind, kind, null, level, now));
    for (const subject of subjects) {
      const chosen = [...used].find((held) => ofKind.includes(held) && held.covers(subject));
      used.add(chosen ?? choose(ofKind, kind, subject, level, now));
    }
  }
  for (const held of used) held.use(now);
  return { used: [...used], asking: [...used].filter((held) => held.needsApproval) };
}

/** For calls that only tell what there is: everything of the kind that has not expired. Errors: as `admit`. */
export function admitFree(grant: Grant, kind: CapabilityKind, now: number): Admission {
  const used = lineage(grant).flatMap((level) => {
    const ofKind = level.held.filter(({ capability }) => capability.kind === kind);
    const lasting = ofKind.filter((held) => held.spent(now)?.why !== "expired");
    return lasting.length > 0 ? lasting : [choose(ofKind, kind, null, level, now)];
  });
  return { used, asking: [] };
}

/** Whether an admitted call may extend to another subject: nobody was asked about it, so nothing that asks covers it. */
export function alsoCovers(
  admission: Admission,
  grant: Grant,
  kind: CapabilityKind,
  subject: string,
  now: number,
): boolean {
  return lineage(grant).every((level) =>
    level.held.some(
      (held) =>
        held.capability.kind === kind &&
        held.covers(subject) &&
        (admission.used.includes(held) || (!held.needsApproval && held.spent(now) === null)),
    ),
  );
}

/** Of what covers it the one that costs least: without asking first, then without counting. */
function choose(
  ofKind: readonly HeldCapability[],
  kind: CapabilityKind,
  subject: string | null,
  level: Grant,
  now: number,
): HeldCapability {
  const covering = subject === null ? ofKind : ofKind.filter((held) => held.covers(subject));
  let best: HeldCapability | null = null;
  let reason: Spent | null = null;
  for (const held of covering) {
    const spent = held.spent(now);
    if (spent !== null) reason ??= spent;
    else if (best === null || cost(held) < cost(best)) best = held;
  }
  if (best !== null) return best;
  const capability = narrowest(kind, subject);
  const of = level.id;
  if (reason === null) {
    const held = ofKind.map((each) => each.text(now)).join(", ");
    throw new SessionError(
      "not_granted",
      subject === null ? `${kind} is not granted` : `${kind} is not granted for ${subject}`,
      {
        rule: ofKind.length === 0 ? `grant ${of} has no ${kind}` : `grant ${of} has ${held}`,
        capability,
        hint: `start the run with --grant '${capability}'`,
      },
    );
  }
  const rule = `grant ${of}: ${covering.map((each) => formatCapability(each.capability)).join(", ")}`;
  if (reason.why === "rate_limited") {
    throw new SessionError("rate_limited", `${kind} was used too often; wait ${reason.wait} ms`, {
      rule,
      capability,
      retryable: true,
      data: { retry_after_ms: reason.wait },
    });
  }
  throw new SessionError(reason.why, reason.why === "expired" ? `${kind} has expired` : `${kind} is used up`, {
    rule,
    capability,
    hint: `start the run with --grant '${capability}'`,
  });
}

function cost(held: HeldCapability): number {
  const { calls, rate } = held.capability;
  return (held.needsApproval ? 4 : 0) + (calls === null ? 0 : 2) + (rate === null ? 0 : 1);
}

/** Where the kind alone is asked for, of kinds that have something to name. */
const all: Partial<Record<CapabilityKind, string>> = { "fs.read": "fs.read=**", tools: "tools=*", memory: "memory=*" };

/** No narrower one would do. */
export function narrowest(kind: CapabilityKind, subject: string | null): string {
  if (kind === "agents") return "agents=1";
  if (subject !== null) return `${kind}=${subject}`;
  return all[kind] ?? kind;
}
