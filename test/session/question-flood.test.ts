import { describe, expect, it, vi } from "vitest";
import type { Answerer, Given } from "../../src/session/questions/index.ts";
import { Line, withChannel } from "./channel.ts";

/** What so many questions with this beside them come to, and how one more fares when the first was answered. */
async function flood(
  count: number,
  data: string,
): Promise<readonly [codes: ReadonlyMap<unknown, number>, after: unknown]> {
  const answers: ((given: Given) => void)[] = [];
  const patient: Answerer = { name: "host", ask: () => new Promise((answer) => answers.push(answer)) };
  return withChannel(
    ["checkpoint"],
    async ({ port, token, events }) => {
      const line = await Line.open(port, token);
      const codes = new Map<unknown, number>();
      const ask = (): Promise<unknown> => line.code("session.checkpoint", { question: "go on?", data });
      for (let at = 0; at < count; at += 1) {
        // Those that wait to the end are cut off.
        void ask().then(
          (code) => codes.set(code, (codes.get(code) ?? 0) + 1),
          () => {},
        );
      }
      await line.code("session.ping");
      await vi.waitFor(() => expect(answers.length + (codes.get("overloaded") ?? 0)).toBe(count));
      expect(events.filter(({ kind }) => kind === "session.asked")).toHaveLength(answers.length);
      const refused = new Map(codes);
      answers[0]?.({ approve: true });
      await vi.waitFor(() => expect(codes.get("ok")).toBe(1));
      const last = ask();
      await vi.waitFor(() => expect(answers.length + (codes.get("overloaded") ?? 0)).toBe(count + 1));
      answers.at(-1)?.({ approve: true });
      return [refused, await last] as const;
    },
    { answerers: [patient] },
  );
}

describe("questions that nobody has answered", () => {
  it.each<readonly [string, number, string, number]>([
    ["as many as somebody can look through", 100, "", 0],
    ["more are refused, and there is room again", 103, "", 3],
    ["nor may they show too much together", 36, "x".repeat(1_000_000), 3],
  ])("%s", async (_, count, data, refused) => {
    expect(await flood(count, data)).toEqual([new Map(refused === 0 ? [] : [["overloaded", refused]]), "ok"]);
  });
});
