import type { Protocol, Target } from "./gate.ts";

/** Asks somebody about a destination that no rule allows and none refuses. */
export type DecideMiss = (target: Target, protocol: Protocol) => Promise<"allow" | "deny" | "timeout">;

export type MissAnswer = "allow" | "deny" | "timeout" | "limit";

/** Questions that wait for their answer at the same time; a program that scans does not bury anybody in them. */
const MOST_QUESTIONS = 32;

/** One question for all who want the same at the same time; whatever goes wrong with it is no permission. */
export function mergedMisses(decideMiss: DecideMiss): DecideMissMerged {
  const pending = new Map<string, Promise<MissAnswer>>();
  return (target, protocol) => {
    const key = `${target.host} ${target.port}`;
    const known = pending.get(key);
    if (known !== undefined) return known;
    if (pending.size >= MOST_QUESTIONS) return Promise.resolve("limit");
    const asked = Promise.resolve()
      .then(() => decideMiss(target, protocol))
      .then(
        (answer): MissAnswer => (answer === "allow" || answer === "deny" ? answer : "timeout"),
        (): MissAnswer => "timeout",
      )
      .finally(() => pending.delete(key));
    pending.set(key, asked);
    return asked;
  };
}

export type DecideMissMerged = (target: Target, protocol: Protocol) => Promise<MissAnswer>;
