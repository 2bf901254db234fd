import type { Decision, Provenance, ReasonCode } from "../model/decision.ts";
import { isForeign } from "./effective.ts";
import { variableProvenance, variables } from "../model/lists.ts";
import type { EnvironmentPolicy } from "../model/model.ts";
import { upToLayer } from "./suggest.ts";

export interface FilteredEnvironment {
  readonly kept: ReadonlyMap<string, string>;
  readonly dropped: readonly { readonly name: string; readonly decision: Decision }[];
}

/** Which of the caller's variables a program gets, `set` included, and why the others do not pass. */
export function filterEnvironment(
  environment: EnvironmentPolicy,
  host: ReadonlyMap<string, string>,
): FilteredEnvironment {
  const kept = new Map<string, string>();
  const dropped: { name: string; decision: Decision }[] = [];
  for (const [name, value] of host) {
    const decision = decideVariable(environment, name, value);
    if (decision.effect === "allow") kept.set(name, value);
    else dropped.push({ name, decision });
  }
  for (const [name, value] of valuesSet(environment)) kept.set(name, value);
  return { kept, dropped: dropped.filter(({ name }) => !kept.has(name)) };
}

/** May the caller's variable pass? Without its value, a secret in the value cannot be seen. */
export function decideVariable(environment: EnvironmentPolicy, name: string, value?: string): Decision {
  if (valuesSet(environment).has(name)) return allow(`set ${name}`, environment.provenance);
  const own = decideLayer(environment, name, value);
  if (own.suggestion?.argv.length === 0) return own;
  for (const bound of environment.bounds ?? []) {
    const decision = decideLayer(bound, name, value);
    if (decision.effect === "allow") continue;
    const { layer } = bound.provenance;
    // An option for the caller's own layer would not help.
    return isForeign(layer) ? { ...decision, suggestion: upToLayer({ layer }, bound.provenance) } : decision;
  }
  return own;
}

/** What the policies give values to; another layer's `exclude` takes a name out again. */
function valuesSet(environment: EnvironmentPolicy): ReadonlyMap<string, string> {
  const bounds = environment.bounds ?? [];
  const values = new Map([...environment.set, ...bounds.flatMap((bound) => [...bound.set])]);
  for (const name of values.keys()) {
    const refused = bounds.some(
      (bound) => !bound.set.has(name) && bound.exclude.some((pattern) => matches(pattern, name)),
    );
    if (refused || variables.never.some((pattern) => matches(pattern, name))) values.delete(name);
  }
  return values;
}

function decideLayer(policy: EnvironmentPolicy, name: string, value: string | undefined): Decision {
  const { provenance } = policy;
  const never = variables.never.find((pattern) => matches(pattern, name));
  if (never !== undefined || name === "" || name.includes("=")) {
    return deny(
      "environment_not_inherited",
      `never ${never ?? "an invalid name"}`,
      variableProvenance(never ?? "never"),
      null,
    );
  }
  const excluded = policy.exclude.find((pattern) => matches(pattern, name));
  if (excluded !== undefined)
    return deny("environment_not_inherited", `exclude ${JSON.stringify(excluded)}`, provenance, name);
  // A name in full, or the whole environment: the writer has thought of the secrets in it.
  if (policy.include.includes(name) || policy.include.includes("*"))
    return allow(`include ${JSON.stringify(name)}`, provenance);
  const included = policy.include.find((pattern) => matches(pattern, name));
  const core = corePatterns.find((pattern) => matches(pattern, name));
  if (included === undefined && (policy.inherit === "none" || (policy.inherit === "core" && core === undefined))) {
    return deny("environment_not_inherited", `inherit = "${policy.inherit}"`, provenance, name);
  }
  const secret = variables.secret.find((pattern) => matches(pattern.toLowerCase(), name.toLowerCase()));
  if (secret !== undefined) return deny("environment_secret", secret, variableProvenance(secret), name);
  if (value !== undefined && urlCredentials.test(value)) {
    return deny("environment_secret", "a URL with a password in it", variableProvenance("secret"), name);
  }
  return allow(
    included === undefined ? `inherit = "${policy.inherit}"` : `include ${JSON.stringify(included)}`,
    provenance,
  );
}

/** Whether a name alone says that what it holds is a secret. */
export function isSecretVariable(name: string): boolean {
  return variables.secret.some((pattern) => matches(pattern.toLowerCase(), name.toLowerCase()));
}

const corePatterns: readonly string[] = [...variables.core, ...variables.certificates, ...variables.toolchains];

/** `scheme://user:password@host`, and for the web a name before the host alone: tokens are written there. */
const urlCredentials = /https?:\/\/[^\s/?#@]+@|:\/\/[^\s/?#@:]*:[^\s/?#@]+@/i;

/** `*` stands for any characters; one step back to the last star, so never slower than the lengths multiplied. */
function matches(pattern: string, name: string): boolean {
  if (!pattern.includes("*")) return pattern === name;
  let at = 0;
  let position = 0;
  let star = -1;
  let resume = 0;
  while (at < name.length) {
    if (pattern[position] === "*") {
      star = position++;
      resume = at;
    } else if (pattern[position] === name[at]) {
      position++;
      at++;
    } else if (star >= 0) {
      position = star + 1;
      at = ++resume;
    } else return false;
  }
  while (pattern[position] === "*") position++;
  return position === pattern.length;
}

function allow(text: string, provenance: Provenance): Decision {
  return {
    effect: "allow",
    reason: "granted",
    rule: { kind: "environment", text },
    provenance,
    where: "host",
    suggestion: null,
  };
}

function deny(reason: ReasonCode, text: string, provenance: Provenance, name: string | null): Decision {
  const suggestion =
    name === null
      ? { argv: [], config: "no option passes this variable on" }
      : { argv: ["-e", name], config: `[permissions.NAME.environment] include = [${JSON.stringify(name)}]` };
  return { effect: "deny", reason, rule: { kind: "environment", text }, provenance, where: "masked", suggestion };
}
