import { describe, expect, it } from "vitest";
import { conformance, count, outcomes } from "../mcp/conformance.ts";
import type { Outcome, Revision } from "../mcp/conformance.ts";
import { startConformanceServer } from "../mcp/conformance-server.ts";
import { GatewayProcess } from "../mcp/gateway-process.ts";
import { startEverything } from "../mcp/http-servers.ts";
import type { Listening } from "../mcp/http-servers.ts";
import { Stage } from "../stage/index.ts";

/** What the suite says of a server, and of the same through a gateway. */
async function both(
  { url }: Listening,
  revision: Revision,
): Promise<{ readonly straight: Outcome; readonly through: Outcome }> {
  const stage = new Stage();
  try {
    const gateway = await GatewayProcess.start(stage, ["--upstream", url]);
    const chosen = { revision, suite: "all" } as const;
    const headers = { authorization: `Bearer ${gateway.token}` };
    const [straight, through] = await Promise.all([
      conformance({ server: url.replace("127.0.0.1", "localhost") }, chosen),
      conformance({ server: `http://localhost:${gateway.port}/mcp`, headers }, chosen),
    ]);
    expect(await gateway.stop()).toBe(0);
    return { straight, through };
  } finally {
    stage.remove();
  }
}

/** What only the one has. */
const lacking = (one: Outcome, other: Outcome): readonly string[] => {
  const all = outcomes(other);
  return outcomes(one).filter((each) => !all.includes(each));
};

/** Scenarios about a tool of the suite's own. */
const absent = /^(?:tools-call-error|tools-call-simple-text|server-sse-polling) /;

const rebinding = "dns-rebinding-protection localhost-host-rebinding-rejected";

describe("the official conformance suite through sandboxed mcp gateway", () => {
  it.each<[revision: Revision, checks: number]>([
    ["2025-11-25", 75],
    ["2026-07-28", 140],
  ])("passes %s as without it, and keeps pages of the web out besides", async (revision, checks) => {
    const server = await startConformanceServer();
    try {
      const { straight, through } = await both(server, revision);
      expect(lacking(straight, through), through.output).toEqual([`${rebinding} FAILURE`]);
      expect(lacking(through, straight)).toEqual([`${rebinding} SUCCESS`]);
      expect(through.checks.filter(({ status }) => status === "FAILURE")).toEqual([]);
      expect(count(through).passed).toBeGreaterThan(checks);
      expect(through.checks.length).toBe(straight.checks.length);
    } finally {
      await server.close();
    }
  });

  it("finds the same of a server of others', but for calls of tools that it has not", async () => {
    const server = await startEverything();
    try {
      const { straight, through } = await both(server, "2025-11-25");
      // That server answers such calls with results; the gateway refuses what was in no list.
      const apart = (one: Outcome, other: Outcome) => lacking(one, other).filter((each) => !absent.test(each));
      expect(apart(straight, through)).toEqual([`${rebinding} FAILURE`]);
      expect(apart(through, straight)).toEqual([`${rebinding} SUCCESS`]);
      expect(count(straight).passed).toBeGreaterThan(40);
    } finally {
      await server.close();
    }
  });
});
