import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { conformance, count, scenariosOf } from "../mcp/conformance.ts";
import type { Revision } from "../mcp/conformance.ts";
import { startConformanceClient } from "../mcp/conformance-client.ts";
import type { ConformanceClient } from "../mcp/conformance-client.ts";

/** What the suite would rather have; docs/mcp.md says why it is not so. */
const warned = ["auth/basic-cimd cimd-client-id-used"];

/** Of extensions of the protocol, and of a revision that is not spoken any more. */
const left = /\[(?:extension|2025-03-26)\]$/;

describe("the official conformance suite with the tool as client", () => {
  const seen = new Set<string>();
  let client: ConformanceClient;
  beforeAll(async () => {
    client = await startConformanceClient();
  });
  afterAll(() => client.close());

  it.each<[revision: Revision, checks: number]>([
    ["2025-11-25", 250],
    ["2026-07-28", 400],
  ])("passes all of %s", async (revision, least) => {
    const outcome = await conformance({ client: client.command }, { revision, suite: "all" }, 110);
    for (const { scenario } of outcome.checks) seen.add(scenario);
    const told = outcome.checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
    expect(
      told.map(({ scenario, id }) => `${scenario} ${id}`),
      outcome.output,
    ).toEqual(warned);
    expect(count(outcome).passed).toBeGreaterThan(least);
  });

  it("was tried in every scenario there is, but those of extensions", async () => {
    const all = (await scenariosOf("client")).filter((line) => !left.test(line)).map((line) => line.split(" ")[0]);
    expect(all.length).toBeGreaterThan(35);
    expect(all.filter((name) => !seen.has(name ?? ""))).toEqual([]);
  });

  it("is told of in docs/mcp.md", () => {
    const page = readFileSync(new URL("../../docs/mcp.md", import.meta.url), "utf8");
    expect(warned.filter((each) => !page.includes(`\`${each.split(" ")[0] ?? ""}\``))).toEqual([]);
  });
});
