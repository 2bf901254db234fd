import { compile } from "../policy/index.ts";
import type { AbsolutePath, Decision, Layer, Query, ResolvedPolicy } from "../policy/index.ts";

/**
 * What a holder may do of what a capability covers. The person who grants could as well have allowed it to the program:
 * so what merely no rule of theirs allows is allowed. What is refused by a rule, what is private to the program, and what
 * other people's layers leave out stays refused. Paths are those that somebody walked to: no symlink is looked up for the answer,
 * because it might be another one by then.
 */
export function authorityOf(policy: ResolvedPolicy): (query: Query) => Decision {
  const resolved = { ...policy, places: { ...policy.places, canonical: (path: AbsolutePath) => path } };
  const oracle = compile(resolved);
  const foreign = resolved.layers.filter(({ layer }) => isForeign(layer));
  const others = foreign.length === 0 ? null : compile({ ...resolved, layers: foreign });
  return (query) => {
    const decision = oracle.decide(query);
    if (decision.effect === "allow") return decision.where === "host" ? decision : elsewhere(decision);
    if (decision.reason !== "no_rule" && decision.reason !== "read_only") return decision;
    if (others !== null && others.decide(query).effect !== "allow") return decision;
    const { rule, provenance } = decision;
    return { effect: "allow", reason: "granted", rule, provenance, where: "host", suggestion: null };
  };
}

function isForeign(layer: Layer): boolean {
  return layer === "requirements" || layer === "project";
}

/** The program has a place of its own there: the host's is not for it, and a grant does not change that. */
function elsewhere({ rule, provenance, where, suggestion }: Decision): Decision {
  return { effect: "deny", reason: "hidden", rule, provenance, where, suggestion };
}
