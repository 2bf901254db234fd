import { meet } from "../gate/index.ts";
import { escapeText, SandboxedError } from "../policy/index.ts";
import type { BoundPolicy } from "../policy/index.ts";
import { planExcess, prepare } from "../sandbox/index.ts";
import type { Prepared, PrepareRequest } from "../sandbox/index.ts";
import type { Terms } from "./terms.ts";

/** What new terms come to for a run that was decided by others. */
export type Judgement =
  /** It could not start any more. */
  | { readonly kind: "ended"; readonly why: string }
  /** The terms are met with those of before. `prepared`: by their policy, on the machine as it is now; null where that is as before. */
  | { readonly kind: "narrowed"; readonly terms: Terms; readonly prepared: Prepared | null }
  | { readonly kind: "unchanged" };

/** Nothing happens yet. Without a request there is no program that could have too much. Errors: those of `prepare` that are no refusals. */
export function judge(request: Omit<PrepareRequest, "policy"> | null, held: Terms, next: Terms): Judgement {
  const policy = meet(held.policy, next.policy);
  if (policy === null) return ended("too many different ones have come to hold together");
  const terms = { ...next, policy };
  if (policy === held.policy) {
    return listsOf(held) === listsOf(next) ? { kind: "unchanged" } : { kind: "narrowed", terms, prepared: null };
  }
  if (request === null) return { kind: "narrowed", terms, prepared: null };
  try {
    const [before, prepared] = prepareBoth(request, held.policy, policy);
    const excess = planExcess(before.plan, prepared.plan);
    return excess === null ? { kind: "narrowed", terms, prepared } : ended(escapeText(excess));
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    return ended(error.message);
  }
}

/** Of the files and addresses that the two allow alike nothing is said: whether the one says more than the other. */
export function isSameMeaning(one: Terms, other: Terms): boolean {
  return (
    meet(one.policy, other.policy) === one.policy &&
    meet(other.policy, one.policy) === other.policy &&
    listsOf(one) === listsOf(other)
  );
}

export function ended(why: string): Judgement & { readonly kind: "ended" } {
  return { kind: "ended", why };
}

/** By either policy on the machine as it is now, so that nothing but the policies makes a difference. */
function prepareBoth(
  request: Omit<PrepareRequest, "policy">,
  before: BoundPolicy,
  after: BoundPolicy,
): readonly [Prepared, Prepared] {
  const both = (asked: typeof request): readonly [Prepared, Prepared] => [
    prepare({ ...asked, policy: before }),
    prepare({ ...asked, policy: after }),
  ];
  try {
    return both(request);
  } catch (error) {
    // A program that was removed while it runs says nothing about requirements; one that they hide does.
    if (!(error instanceof SandboxedError) || error.code !== "program_not_found") throw error;
    const [one, other] = both({ ...request, program: "/bin/sh", arguments: [], script: null });
    if (planExcess(one.plan, other.plan) !== null) throw error;
    return [one, other];
  }
}

/** MCP servers that may be used; where that stands is no part of it. */
function listsOf({ requirements }: Terms): string {
  return JSON.stringify(
    requirements.map(({ mcpAllowlist }) => mcpAllowlist),
    (key, value: unknown) => (key === "provenance" ? undefined : value instanceof Map ? [...value] : value),
  );
}
