import { describe, expect, it, vi } from "vitest";
import { progressFor } from "../../src/mcp-server/progress.ts";

type Given = Parameters<typeof progressFor>[0];

describe("progress of a run", () => {
  const told: unknown[] = [];
  const client = (meta: object): Given =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as much of a request as it looks at
    ({
      mcpReq: { _meta: meta, notify: ({ params }: { params: unknown }) => Promise.resolve(told.push(params)) },
    }) as unknown as Given;
  const after = (bytes: number, message: string) => ({ progressToken: "t", progress: bytes, message });

  it.each<[what: string, meta: object, expected: readonly object[]]>([
    [
      "at intervals, with what came last, and not after its end",
      { progressToken: "t" },
      [after(1, "a"), after(3, "c"), after(4, "d")],
    ],
    ["not to who has not asked", {}, []],
    ["not for a token that is none", { progressToken: {} }, []],
  ])("is told %s", (_, meta, expected) => {
    vi.useFakeTimers();
    told.length = 0;
    const { onOutput, end } = progressFor(client(meta));
    onOutput(1, "a");
    onOutput(2, "b");
    onOutput(3, "c");
    vi.advanceTimersByTime(1000);
    onOutput(4, "d");
    onOutput(5, "e");
    end();
    vi.advanceTimersByTime(1000);
    vi.useRealTimers();
    expect(told).toEqual(expected);
  });
});
