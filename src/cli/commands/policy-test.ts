import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseDocument } from "../../config/index.ts";
import { escapeText, SandboxedError } from "../../policy/index.ts";
import type { Decision, Query } from "../../policy/index.ts";
import { prepareToAsk } from "../ask.ts";
import type { Command } from "../command.ts";
import { provenanceText } from "../outcome-text.ts";
import { askedFor } from "../policy-flags.ts";
import { homeOf } from "../surroundings.ts";
import { answerOf } from "./explain.ts";
import { readQuery, showQuery } from "../query.ts";
import { outputOptions, policyOptions } from "../run-options.ts";

export const policyTest: Command = {
  operands: "FILE",
  options: [...policyOptions, ...outputOptions],
  examples: ["sandboxed policy test policy-test.toml", "sandboxed policy test policy-test.toml -P ci"],
  about: [
    "FILE is TOML, a table of questions as explain takes them, each with allow or deny:",
    "",
    "  [expect]",
    '  "read ~/.ssh/id_ed25519" = "deny"',
    '  "write src/main.py" = "allow"',
  ],
  async run(parsed) {
    const [file, extra] = parsed.rest;
    if (file === undefined || extra !== undefined) {
      throw new SandboxedError("usage", "one file is needed", { hint: "write sandboxed policy test FILE" });
    }
    const asked = await askedFor(parsed);
    const expectations = readExpectations(file, asked.cwd, homeOf(asked.environment));
    const { oracle } = prepareToAsk(asked);
    const results = expectations.map((one) => ({ ...one, decision: oracle.decide(one.query) }));
    const wrong = results.filter(({ expected, decision }) => answerToTest(decision) !== expected);
    const text = `${wrong.map(mismatchText).join("")}${results.length - wrong.length} of ${results.length} as expected\n`;
    return { data: { ok: wrong.length === 0, results }, text, status: wrong.length === 0 ? 0 : 1 };
  },
};

/** The question is about the host's file: one that a private place hides is denied. */
function answerToTest(decision: Decision): "allow" | "deny" | "ask" {
  const answer = answerOf(decision);
  return answer === "hidden" ? "deny" : answer;
}

interface Expectation {
  /** `FILE:LINE`. */
  readonly at: string;
  readonly query: Query;
  readonly expected: "allow" | "deny";
}

function readExpectations(file: string, cwd: string, home: string): readonly Expectation[] {
  const document = parseDocument(readText(resolve(cwd, file), file), file, "file", "you");
  const at = (path: readonly string[]): string => `${document.name}:${document.position(path)?.line ?? 1}`;
  const [other] = Object.keys(document.value).filter((key) => key !== "expect");
  if (other !== undefined) throw invalid(`${at([other])}: unknown key ${escapeText(other)}`);
  const { expect } = { expect: document.value["expect"] };
  if (typeof expect !== "object" || expect === null || Array.isArray(expect))
    throw invalid(`${at([])}: the table [expect] is missing`);
  return Object.entries(expect).map(([question, expected]) => {
    const place = at(["expect", question]);
    if (expected !== "allow" && expected !== "deny") throw invalid(`${place}: the answer has to be "allow" or "deny"`);
    const [operation = "", ...subject] = question.split(" ");
    return { at: place, query: located(place, () => readQuery([operation, subject.join(" ")], cwd, home)), expected };
  });
}

function readText(path: string, written: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new SandboxedError("usage", `${escapeText(written)} cannot be read (${code})`, {
      hint: "check the path",
      cause: error,
    });
  }
}

function located<T>(place: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof SandboxedError)) throw error;
    throw new SandboxedError(
      "config_schema",
      `${place}: ${error.message}`,
      error.hint === null ? {} : { hint: error.hint },
    );
  }
}

function invalid(message: string): SandboxedError {
  return new SandboxedError("config_schema", message, { hint: "sandboxed policy test --help shows the form" });
}

function mismatchText({ at, query, expected, decision }: Expectation & { readonly decision: Decision }): string {
  const { rule, provenance, reason } = decision;
  const why = rule === null ? reason.replaceAll("_", " ") : escapeText(rule.text);
  const from = provenance === null ? "" : ` (${provenanceText(provenance)})`;
  return `${at}: ${showQuery(query)}: expected ${expected}, is ${answerOf(decision)}\n  ${why}${from}\n`;
}
