import { noFlags } from "../config/index.ts";
import type { PolicyTest } from "../config/index.ts";
import {
  answerOf,
  at,
  compile,
  escapeText,
  provenanceText,
  readQuery,
  resolve,
  SandboxedError,
  showQuery,
} from "../policy/index.ts";
import type { Decision, Oracle, Places, Query } from "../policy/index.ts";
import { loadGated } from "./load-gated.ts";
import type { GatedConfig, GatedRequest } from "./load-gated.ts";

/** A test and what became of it. */
export interface TestResult extends PolicyTest {
  readonly asked: Query;
  readonly decision: Decision;
  readonly ok: boolean;
}

/** Errors: `config_schema` for a question that is none, with its line. */
export function runTests(
  tests: readonly PolicyTest[],
  oracle: Oracle,
  { cwd, home }: Pick<GatedRequest, "cwd" | "home">,
): readonly TestResult[] {
  return tests.map((test) => {
    const asked = question(test, cwd, home);
    const decision = oracle.decide(asked);
    const answer = answerOf(decision);
    // The question is about the host's file: one that a private place hides is denied.
    return { ...test, asked, decision, ok: (answer === "hidden" ? "deny" : answer) === test.expect };
  });
}

/**
 * Asks the tests of the user's files what they are about: the policy as the files have it, without what was typed for
 * this run. Those of the requirements are about this very run. Errors: `policy_test_failed` for the first that has
 * another answer.
 */
export async function refuseFailedTests(
  { tests, requirements }: GatedConfig,
  request: Omit<GatedRequest, "flags">,
  { oracle, resolved }: { readonly oracle: Oracle; readonly resolved: { readonly places: Places } },
): Promise<void> {
  refuseFailed(runTests(requirements.tests, oracle, request));
  if (tests.length === 0) return;
  const plain = await loadGated({ ...request, flags: noFlags });
  refuseFailed(runTests(plain.tests, compile(resolve(plain.policy, resolved.places)), request));
}

/** Errors: `policy_test_failed`. */
export function refuseFailed(results: readonly TestResult[]): void {
  const failed = results.find(({ ok }) => !ok);
  if (failed === undefined) return;
  const [problem = "", ...why] = mismatchText(failed).trimEnd().split("\n  ");
  const { layer, owner } = failed.provenance;
  const remedy =
    layer === "requirements"
      ? `ask for no ${failed.expect === "allow" ? "less" : "more"} than it expects, or tell ${owner}`
      : "correct the policy or the test";
  throw new SandboxedError("policy_test_failed", [problem, why.join("; ")].join(": "), {
    hint: `sandboxed policy test shows all of them; ${remedy}`,
  });
}

/** What was expected, what it is, by which rule, and why that matters. */
export function mismatchText({ asked, expect, because, provenance: place, decision }: TestResult): string {
  const { rule, provenance, reason } = decision;
  const why = rule === null ? reason.replaceAll("_", " ") : escapeText(rule.text);
  const by = provenance === null ? "" : ` (${provenanceText(provenance)})`;
  const matters = because === null ? "" : `\n  ${escapeText(because)}`;
  return `${at(place)}${showQuery(asked)}: expected ${expect}, is ${answerOf(decision)}\n  ${why}${by}${matters}\n`;
}

function question({ query, provenance }: PolicyTest, cwd: string, home: string): Query {
  const [operation = "", ...subject] = query.split(" ");
  try {
    return readQuery([operation, subject.join(" ")], cwd, home);
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    const hint = error.hint === null ? {} : { hint: error.hint };
    throw new SandboxedError("config_schema", `${at(provenance)}${error.message}`, hint);
  }
}
