import * as sdk from "@modelcontextprotocol/server";
import type { ServerContext } from "@modelcontextprotocol/server";
import { describe, expect, it } from "vitest";
import { Approvals } from "../../src/mcp-server/approvals.ts";
import type { RunRequest } from "../../src/mcp-server/index.ts";

const request: RunRequest = { command: ["make"], directory: null, input: "", timeout: null, permissions: ":workspace" };
const yes = { action: "accept", content: { approve: true } };

/** A call that comes back with an answer, as the SDK hands it to a tool. */
async function calling(
  approvals: Approvals,
  state: string | undefined,
  answer: unknown,
  client = "one",
): Promise<ServerContext> {
  const bare = { mcpReq: { inputResponses: { approve: answer } }, http: { authInfo: { clientId: client } } };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of a context that is looked at
  const context = bare as unknown as ServerContext;
  const asked = state === undefined ? undefined : await approvals.requestState.verify(state, context);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the same
  return { ...bare, mcpReq: { ...bare.mcpReq, requestState: () => asked } } as unknown as ServerContext;
}

const asking = async (approvals: Approvals): Promise<string> =>
  (await approvals.question("Run it?", request, await calling(approvals, undefined, null))).requestState ?? "";

describe("an answer to a question about a run", () => {
  it.each<[what: string, answer: unknown, means: boolean | null]>([
    ["yes", yes, true],
    ["accepted without a yes", { action: "accept", content: {} }, false],
    ["a word in place of yes", { action: "accept", content: { approve: "true" } }, false],
    ["declined", { action: "decline" }, false],
    ["cancelled", { action: "cancel" }, false],
    ["something else", { roots: [] }, null],
  ])("%s", async (_, answer, means) => {
    const approvals = new Approvals(sdk);
    const context = await calling(approvals, await asking(approvals), answer);
    expect(approvals.answer("Run it?", request, context)).toBe(means);
  });

  it("counts once, for what was shown, of a question that was asked", async () => {
    const approvals = new Approvals(sdk);
    const state = await asking(approvals);
    const context = await calling(approvals, state, yes);
    expect(approvals.answer("Run it?", { ...request, command: ["rm"] }, context)).toBeNull();
    expect(approvals.answer("Run it!", request, context)).toBeNull();
    expect(approvals.answer("Run it?", request, await calling(approvals, undefined, yes))).toBeNull();
    expect(approvals.answer("Run it?", request, context)).toBe(true);
    expect(approvals.answer("Run it?", request, await calling(approvals, state, yes))).toBeNull();
  });

  it("counts from the client that was asked alone", async () => {
    const approvals = new Approvals(sdk);
    const state = await asking(approvals);
    await expect(calling(approvals, state, yes, "two")).rejects.toThrow("bind");
    expect(approvals.answer("Run it?", request, await calling(approvals, state, yes))).toBe(true);
  });

  it("counts for ten minutes, and once in them", async () => {
    let now = 0;
    const approvals = new Approvals(sdk, () => now);
    const [first, second] = [await asking(approvals), await asking(approvals)];
    const answered = async (state: string) =>
      approvals.answer("Run it?", request, await calling(approvals, state, yes));
    now = 599_000;
    expect(await answered(first)).toBe(true);
    expect(await answered(first)).toBeNull();
    now = 601_000;
    expect(await answered(first)).toBeNull();
    expect(await answered(second)).toBeNull();
    expect(await answered(await asking(approvals))).toBe(true);
  });

  it("counts in the process that asked alone", async () => {
    const state = await asking(new Approvals(sdk));
    await expect(calling(new Approvals(sdk), state, yes)).rejects.toThrow();
    await expect(calling(new Approvals(sdk), `${state}x`, yes)).rejects.toThrow();
  });
});
