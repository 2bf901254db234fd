import { checkPrepared } from "../../gate/index.ts";
import { answerOf, escapeText, operations, provenanceText, readQuery, showQuery } from "../../policy/index.ts";
import type { Decision, Query } from "../../policy/index.ts";
import { prepareToAsk } from "../ask.ts";
import type { Command } from "../command.ts";
import { askedFor } from "../policy-flags.ts";
import { homeOf } from "../surroundings.ts";
import { outputOptions, policyOptions } from "../run-options.ts";
import { showWords } from "../words.ts";

export const explain: Command = {
  operands: "OPERATION SUBJECT",
  options: [...policyOptions, ...outputOptions],
  examples: [
    "sandboxed explain read ~/.ssh/id_ed25519",
    "sandboxed explain write src/main.py -P :read-only",
    "sandboxed explain connect example.com:443",
    "sandboxed explain env GITHUB_TOKEN",
  ],
  about: ["", "Operations:", ...Object.entries(operations).map(([name, subject]) => `  ${name} ${subject}`)],
  async run(parsed) {
    const asked = await askedFor(parsed);
    const query = readQuery(parsed.rest, asked.cwd, homeOf(asked.environment));
    const prepared = prepareToAsk(asked);
    checkPrepared(asked.config.policy, prepared);
    const decision = prepared.oracle.decide(query);
    return {
      data: { query, ...decision },
      text: decisionText(query, decision),
      status: answerOf(decision) === "allow" ? 0 : 1,
    };
  },
};

/** An answer for a person: what, why, by whose rule, what would change it. */
export function decisionText(query: Query, decision: Decision): string {
  const { reason, rule, provenance, where, suggestion } = decision;
  const elsewhere = where === "private" ? " (a private place, not the host's)" : where === "masked" ? " (masked)" : "";
  const argv = suggestion?.argv ?? [];
  const rows: readonly (readonly [string, string | null])[] = [
    ["reason", answerOf(decision) === "hidden" ? "hidden" : reason.replaceAll("_", " ")],
    ["rule", rule === null ? null : escapeText(rule.text)],
    ["from", provenance === null ? null : provenanceText(provenance)],
    ["option", argv.length === 0 ? null : showWords(argv)],
    ["config", suggestion?.config == null ? null : escapeText(suggestion.config)],
  ];
  const lines = rows.filter(([, value]) => value !== null).map(([name, value]) => `  ${name.padEnd(7)} ${value}`);
  return `${[`${answerOf(decision)}: ${showQuery(query)}${elsewhere}`, ...lines].join("\n")}\n`;
}
