import { compile, resolve } from "../../../policy/index.ts";
import type { Decision, JournalEvent, Oracle, PathOperation, Places, Policy, Query } from "../../../policy/index.ts";

/** What requirements want written down about a run, besides what it does. */
export interface Records {
  /** Before the program starts. */
  readonly first: readonly JournalEvent[];
  /** The same record with what rules that do not hold yet would have refused of what was allowed at the door. */
  readonly atDoor: (record: (event: JournalEvent) => void) => (event: JournalEvent) => void;
}

export const noRecords: Records = { first: [], atDoor: (record) => record };

/** `oracle`: of the policy that holds. Errors: `policy_invalid`. */
export function recordsOf({ records }: Policy, oracle: Oracle, places: Places): Records {
  if (records === undefined) return noRecords;
  const exceptions = records.exceptions.map((exception) => ({ kind: "policy.exception", ...exception }) as const);
  if (records.reported.length === 0) return { ...noRecords, first: exceptions };
  const resolved = resolve({ layers: records.reported }, { ...places, toolState: [], protectedPaths: [] });
  const shadow = compile(resolved);
  const refusedBy = (query: Query): Decision | null => {
    if (oracle.decide(query).effect !== "allow") return null;
    const decision = shadow.decide(query);
    return decision.effect === "deny" ? decision : null;
  };
  const atPaths = resolved.layers.flatMap(({ layer, entries, denyGlobs }) => {
    if (layer !== "requirements") return [];
    const named = entries.filter(({ access, entry }) => access !== "write" && entry.provenance.layer === layer);
    const events = named.flatMap(({ path }) => {
      const refused = (["read", "write"] satisfies PathOperation[]).flatMap((op) => {
        const decision = refusedBy({ op, path });
        return decision === null ? [] : [wouldDeny(op, path, decision)];
      });
      return refused.slice(0, 1);
    });
    // Which files a pattern would have taken away nobody has looked for.
    const patterns = denyGlobs.map(({ pattern, entry: { text, provenance } }) =>
      wouldDeny("read", pattern, { rule: { kind: "filesystem", text }, provenance }),
    );
    return [...events, ...patterns];
  });
  return {
    first: [...exceptions, ...atPaths],
    atDoor: (record) => (event) => {
      record(event);
      if (event.kind !== "network.allowed" || event.target === null) return;
      const [, v6, name, port] = /^(?:\[(.*)\]|(.*)):(\d+)$/.exec(event.target) ?? [];
      const decision = shadow.decide({ op: "connect", host: v6 ?? name ?? event.target, port: Number(port ?? 443) });
      if (decision.effect === "deny") record(wouldDeny("connect", event.target, decision));
    },
  };
}

function wouldDeny(
  op: "read" | "write" | "connect",
  subject: string,
  { rule, provenance }: Pick<Decision, "rule" | "provenance">,
): JournalEvent {
  const { file = null, line = null } = provenance ?? {};
  return { kind: "policy.would_deny", op, subject, rule: rule?.text ?? null, file, line };
}
