import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { conformance, scenariosOf } from "../mcp/conformance.ts";
import type { Check } from "../mcp/conformance.ts";
import { bearer, serve } from "../mcp-server/http-client.ts";
import { onStage } from "../stage/index.ts";

interface Unasked {
  /** What they ask for; docs/mcp.md says why the server has none. */
  readonly about: string;
  /** What the suite says when that is why it failed. */
  readonly said: RegExp;
  readonly scenarios: readonly string[];
}

/** Scenarios that ask for what this server does not offer. All others have to pass in full. */
const unasked: readonly Unasked[] = [
  {
    about: "prompts",
    said: /Method not found|-32601/,
    scenarios: [
      "prompts-list",
      "prompts-get-simple",
      "prompts-get-with-args",
      "prompts-get-embedded-resource",
      "prompts-get-with-image",
      "input-required-result-non-tool-request",
    ],
  },
  {
    about: "resources",
    said: /Method not found|-32601|data\.uri is undefined/,
    scenarios: [
      "resources-list",
      "resources-read-text",
      "resources-read-binary",
      "resources-templates-read",
      "resources-subscribe",
      "resources-unsubscribe",
      "sep-2164-resource-not-found",
    ],
  },
  { about: "completion", said: /Method not found/, scenarios: ["completion-complete"] },
  {
    about: "log messages",
    said: /Method not found/,
    scenarios: ["logging-set-level", "tools-call-with-logging"],
  },
  {
    about: "resumption",
    said: /priming event|retry field|^$/,
    scenarios: ["server-sse-polling"],
  },
  {
    about: "tools of a fixture",
    said: /(?:Tool|tool) '?(?:test_|json_schema_)\w+'? not found|Expected InputRequiredResult|could not get initial|Server returned JSON-RPC error/,
    scenarios: [
      "tools-call-simple-text",
      "tools-call-image",
      "tools-call-audio",
      "tools-call-embedded-resource",
      "tools-call-mixed-content",
      "tools-call-error",
      "tools-call-with-progress",
      "tools-call-sampling",
      "tools-call-elicitation",
      "elicitation-sep1034-defaults",
      "elicitation-sep1330-enums",
      "json-schema-2020-12",
      "input-required-result-basic-elicitation",
      "input-required-result-basic-sampling",
      "input-required-result-basic-list-roots",
      "input-required-result-request-state",
      "input-required-result-multiple-input-requests",
      "input-required-result-multi-round",
      "input-required-result-missing-input-response",
      "input-required-result-result-type",
      "input-required-result-tampered-state",
      "input-required-result-capability-check",
      "input-required-result-ignore-extra-params",
    ],
  },
  {
    about: "parameters in headers",
    said: /no tool with x-mcp-header annotations/,
    scenarios: ["http-custom-header-server-validation"],
  },
];

/** Single checks of scenarios that have to pass in all others. */
const unaskedChecks: ReadonlyMap<string, readonly string[]> = new Map([
  [
    "caching",
    [
      "sep-2549-prompts-list-caching-hints",
      "sep-2549-resources-list-caching-hints",
      "sep-2549-resources-templates-list-caching-hints",
      "sep-2549-resources-read-caching-hints",
    ],
  ],
  [
    "server-stateless",
    [
      "sep-2575-server-rejects-undeclared-capability",
      "sep-2575-missing-capability-http-400",
      "sep-2575-http-server-no-independent-requests-on-stream",
      "sep-2575-server-no-log-without-loglevel",
      "sep-2575-server-sends-prompts-list-changed-on-subscription",
      "sep-2575-server-sends-tools-list-changed-on-subscription",
    ],
  ],
]);

/** Extensions of the protocol, none of which this server has. */
const extensions = /^(?:tasks-|sep-2640-skills-)/;

const hasFailed = ({ status }: Check): boolean => status !== "SUCCESS" && status !== "INFO";

describe("the official conformance suite against sandboxed mcp-server", () => {
  const seen = new Set<string>();

  it.each(["2025-11-25", "2026-07-28"] as const)("passes all that applies to it of %s", (revision) =>
    onStage("self", async (stage) => {
      const { url, token, end } = await serve(stage);
      const tried = { server: url.replace("127.0.0.1", "localhost"), headers: bearer(token) };
      const { checks, output } = await conformance(tried, { revision, suite: "all" });
      await end();
      expect(checks.length, output).toBeGreaterThan(40);
      for (const { scenario } of checks) seen.add(scenario);
      const excused = (check: Check): boolean =>
        unaskedChecks.get(check.scenario)?.includes(check.id) === true ||
        unasked.some(({ scenarios, said }) => scenarios.includes(check.scenario) && said.test(check.message));
      expect(checks.filter((check) => hasFailed(check) && !excused(check))).toEqual([]);
      // What passes is excused from nothing.
      const listed = unasked.flatMap(({ scenarios }) => scenarios);
      const ran = listed.filter((name) => checks.some(({ scenario }) => scenario === name));
      expect(ran.filter((name) => !checks.some((check) => check.scenario === name && hasFailed(check)))).toEqual([]);
    }),
  );

  it("was tried in every scenario there is, but those of extensions", async () => {
    const all = (await scenariosOf("server")).map((line) => line.split(" ")[0] ?? "");
    expect(all.length).toBeGreaterThan(50);
    expect(all.filter((name) => !seen.has(name) && !extensions.test(name))).toEqual([]);
  });

  it("is told of in docs/mcp.md, with each scenario that does not apply", () => {
    const page = readFileSync(new URL("../../docs/mcp.md", import.meta.url), "utf8");
    const told = (name: string): boolean => page.includes(`\`${name}\``);
    expect(unasked.filter(({ about }) => !page.includes(`| ${about} |`))).toEqual([]);
    expect(unasked.flatMap(({ scenarios }) => scenarios.filter((name) => !told(name)))).toEqual([]);
    expect([...unaskedChecks.keys()].filter((name) => !told(name))).toEqual([]);
  });
});
