import type { Decision, Denial, Suggestion } from "../../policy/index.ts";
import type { Refusal } from "./find.ts";

/** A refusal as the report, the journal and the terminal take it. `time` is ISO 8601, UTC. */
export function toDenial(
  { query, decision }: Pick<Refusal, "query" | "decision">,
  { session, time }: { readonly session: string; readonly time: string },
): Denial {
  const told: Decision = decision.effect === "allow" ? hiding(query, decision) : decision;
  return { ...told, query, time, session, retryable: isRetryable(told) };
}

/** Allowed by the rule, but in a place of the run's own: for the program that is a refusal, and it says so. */
function hiding(query: Refusal["query"], decision: Decision): Decision {
  return { ...decision, effect: "deny", reason: "hidden", suggestion: decision.suggestion ?? granting(query) };
}

/** A private place gives way to the host's where the host's path is granted by name. */
function granting(query: Refusal["query"]): Suggestion | null {
  switch (query.op) {
    case "read":
    case "list":
    case "exec":
      return {
        argv: ["--read", query.path],
        config: `[permissions.NAME.filesystem] ${JSON.stringify(query.path)} = "read"`,
      };
    case "create": {
      const folder = query.path.slice(0, query.path.lastIndexOf("/")) || "/";
      return { argv: ["--write", folder], config: `[permissions.NAME.filesystem] ${JSON.stringify(folder)} = "write"` };
    }
    default:
      return null;
  }
}

/** Advice without an option or a line of configuration is for what belongs to somebody else: asking again is useless. */
function isRetryable({ provenance, suggestion, reason }: Decision): boolean {
  if (reason === "tool_state" || provenance?.layer === "requirements") return false;
  return suggestion === null || suggestion.argv.length > 0 || (suggestion.config ?? "").startsWith("[");
}
