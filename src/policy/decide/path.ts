import type { Decision, PathOperation, Provenance, ReasonCode, Suggestion, Where } from "../model/decision.ts";
import { EffectiveAccess, isForeign } from "./effective.ts";
import type { Effective, Verdict } from "./effective.ts";
import { growTree } from "./materialise.ts";
import type { Tree } from "./materialise.ts";
import { accessRank } from "../model/patch.ts";
import { parentPath } from "../names/path.ts";
import type { AbsolutePath } from "../names/path.ts";
import { canonicalOf } from "../resolve/target.ts";
import type { ResolvedPolicy } from "../model/resolved.ts";
import type { Access, Entry, Rule } from "../model/rule.ts";
import { advice, suggestForPath } from "./suggest.ts";

/** Answers what may be done with paths. */
export class PathOracle {
  readonly access: EffectiveAccess;
  readonly #policy: ResolvedPolicy;
  #tree: Tree | null = null;

  constructor(policy: ResolvedPolicy) {
    this.#policy = policy;
    this.access = new EffectiveAccess(policy);
  }

  /** Grown when first needed: plain questions of reading and writing do without. */
  get tree(): Tree {
    this.#tree ??= growTree(this.#policy, this.access);
    return this.#tree;
  }

  decide(op: PathOperation, spelled: string): Decision {
    // A rename acts on the name itself, not on what a symlink of that name leads to.
    const path = canonicalOf(spelled, this.#policy.places, op === "move" ? "parents" : "all");
    if (path === null) return unresolvable;
    switch (op) {
      case "read":
      case "exec":
        return this.#decideAccess(op, path, "read");
      case "write":
        return this.#decideAccess(op, path, "write");
      case "list":
        return this.#decideList(path);
      case "create":
        return this.#decideCreate(path);
      case "move":
        return this.#decideMove(path);
    }
  }

  suggest(op: PathOperation, spelled: string): Suggestion {
    const path = canonicalOf(spelled, this.#policy.places, op === "move" ? "parents" : "all");
    if (path === null) return unresolvable.suggestion ?? advice("");
    const needed = op === "write" || op === "create" || op === "move" ? "write" : "read";
    return this.#suggest(op, path, this.access.at(this.access.names(path), needed).verdict);
  }

  #suggest(op: PathOperation, path: AbsolutePath, verdict: Verdict): Suggestion {
    return suggestForPath(op, path, verdict, { access: this.access, places: this.#policy.places });
  }

  #decideAccess(op: PathOperation, path: AbsolutePath, needed: Access): Decision {
    const names = this.access.names(path);
    const effective = this.access.at(names, needed);
    if (accessRank[effective.access] < accessRank[needed]) return this.#refuse(op, path, effective);
    const { where, verdict } = effective;
    const credential = where === "private" && needed === "read" ? this.access.shadowedAt(names) : null;
    if (credential !== null) {
      const suggestion = this.#suggest("read", path, verdict);
      return allow(where, "granted", ruleOf(credential), credential, suggestion);
    }
    if (verdict.cause === "unrestricted") return allow(where, "unrestricted", null, null);
    return allow(where, "granted", verdict.entry && ruleOf(verdict.entry), verdict.entry);
  }

  /** A directory that cannot be read still shows the way to what can. */
  #decideList(path: AbsolutePath): Decision {
    const decision = this.#decideAccess("list", path, "read");
    if (decision.effect === "allow" || !this.tree.aboveVisible.has(this.access.key(path))) return decision;
    return allow("masked", "granted", { kind: "default", text: "what can be read lies below it" }, null);
  }

  #decideCreate(path: AbsolutePath): Decision {
    const decision = this.#decideAccess("create", path, "write");
    if (decision.effect !== "allow" || path === "/") return decision;
    const parent = this.access.at(this.access.names(parentPath(path)), "write");
    return parent.access === "write" ? decision : this.#refuse("create", path, parent);
  }

  #decideMove(path: AbsolutePath): Decision {
    const decision = this.#decideAccess("move", path, "write");
    if (decision.effect !== "allow" || decision.reason === "unrestricted") return decision;
    const key = this.access.key(path);
    const below = this.tree.pinned.get(key);
    if (below !== undefined) {
      const hint = advice(`${below.path} lies below it and keeps its place during the run`);
      return deny("pinned_ancestor", below.entry && ruleOf(below.entry), below.entry?.provenance ?? null, hint);
    }
    const step = this.tree.byPath.get(key);
    if (step === undefined) return decision;
    return deny(
      "mount_root",
      step.entry && ruleOf(step.entry),
      step.entry?.provenance ?? null,
      advice("what is granted by name keeps its place during the run"),
    );
  }

  #refuse(op: PathOperation, path: AbsolutePath, { verdict, where }: Effective): Decision {
    const { entry } = verdict;
    const suggestion = (): Suggestion => this.#suggest(op, path, verdict);
    if (entry !== null) return refusal(reasonOf(verdict), ruleOf(entry), entry.provenance, suggestion, where);
    // Of somebody else's layer it is worth knowing whose it is.
    const place = isForeign(verdict.layer) ? verdict.chosenBy : null;
    return refusal("no_rule", { kind: "default", text: "nothing allows it" }, place, suggestion, where);
  }
}

function reasonOf({ cause, entry, access }: Verdict): ReasonCode {
  if (entry === null) return "no_rule";
  if (entry.origin === "credential") return "credential";
  if (entry.origin === "protected") return "protected_name";
  if (entry.origin === "state") return "tool_state";
  if (cause === "glob") return "deny_glob";
  return access === "read" ? "read_only" : "denied_by_rule";
}

const ruleKinds = { grant: "filesystem", credential: "credential", protected: "protected", state: "state" } as const;

function ruleOf({ origin, text }: Entry): Rule {
  return { kind: ruleKinds[origin], text };
}

function allow(
  where: Where,
  reason: ReasonCode,
  rule: Rule | null,
  entry: Entry | null,
  suggestion: Suggestion | null = null,
): Decision {
  return { effect: "allow", reason, rule, provenance: entry?.provenance ?? null, where, suggestion };
}

function deny(
  reason: ReasonCode,
  rule: Rule | null,
  provenance: Provenance | null,
  suggestion: Suggestion | null,
  where: Where = "host",
): Decision {
  return { effect: "deny", reason, rule, provenance, where, suggestion };
}

/** What would allow it is found out when somebody asks: most refusals are never shown. */
function refusal(
  reason: ReasonCode,
  rule: Rule,
  provenance: Provenance | null,
  suggest: () => Suggestion,
  where: Where,
): Decision {
  let suggestion: Suggestion | null = null;
  return {
    effect: "deny",
    reason,
    rule,
    provenance,
    where,
    get suggestion() {
      return (suggestion ??= suggest());
    },
  };
}

const unresolvable: Decision = deny(
  "unresolvable_path",
  { kind: "default", text: "a path that cannot be resolved is refused" },
  null,
  advice("look for a symlink loop, an unreadable directory or a NUL on the way"),
  "masked",
);
