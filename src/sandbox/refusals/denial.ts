import type { Decision, Denial } from "../../policy/index.ts";
import type { Refusal } from "./find.ts";

/** A refusal as the report, the journal and the terminal take it. `time` is ISO 8601, UTC. */
export function toDenial(
  { query, decision }: Pick<Refusal, "query" | "decision">,
  { session, time }: { readonly session: string; readonly time: string },
): Denial {
  const told: Decision = decision.effect === "allow" ? hiding(decision) : decision;
  return { ...told, query, time, session, retryable: isRetryable(told) };
}

/** Allowed by the rule, but in a place of the run's own: for the program that is a refusal, and it says so. */
function hiding(decision: Decision): Decision {
  return { ...decision, effect: "deny", reason: "hidden" };
}

/** Advice without an option or a line of configuration is for what belongs to somebody else: asking again is useless. */
function isRetryable({ provenance, suggestion, reason }: Decision): boolean {
  if (reason === "tool_state" || provenance?.layer === "requirements" || provenance?.layer === "ceiling") return false;
  if (provenance?.layer === "flag" && reason !== "hidden") return true;
  return suggestion === null || suggestion.argv.length > 0 || (suggestion.config ?? "").startsWith("[");
}
