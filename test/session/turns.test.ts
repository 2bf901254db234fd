import { expect, it } from "vitest";
import type { MethodDefinition } from "../../src/session/method.ts";
import { Line, withChannel } from "./channel.ts";

/** How many were carried out since a timer had its turn. */
let together = 0;
const busy: MethodDefinition = {
  name: "session.busy",
  capability: null,
  subjectsOf: () => [],
  async handle() {
    together += 1;
    for (const end = performance.now() + 25; performance.now() < end;);
    return {};
  },
};

/** How many of these requests are carried out one after the other at most, before a timer has its turn. */
async function mostTogether(ask: (port: number, token: string) => readonly Promise<unknown>[]): Promise<number> {
  return withChannel(
    ["memory=notes"],
    async ({ port, token }) => {
      let most = 0;
      const timer = setInterval(() => {
        most = Math.max(most, together);
        together = 0;
      }, 1);
      const answers = await Promise.all(ask(port, token));
      clearInterval(timer);
      expect(new Set(answers)).toEqual(new Set(["ok"]));
      return Math.max(most, together);
    },
    { methods: [busy] },
  );
}

it.each<readonly [string, (port: number, token: string) => readonly Promise<unknown>[]]>([
  [
    "over lines of several connections",
    (port, token) =>
      Array.from({ length: 3 }, async () => {
        const line = await Line.open(port, token);
        const codes = await Promise.all(Array.from({ length: 10 }, () => line.code("session.busy")));
        return codes.find((code) => code !== "ok") ?? "ok";
      }),
  ],
  [
    "over HTTP",
    (port, token) =>
      Array.from({ length: 20 }, async () => {
        const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
        const url = `http://127.0.0.1:${port}/v1/session.busy`;
        const answer = await fetch(url, { method: "POST", headers, body: "{}" });
        return answer.ok ? "ok" : answer.status;
      }),
  ],
])("requests that take long, %s, leave timers and others their turn", async (_, ask) => {
  expect(await mostTogether(ask)).toBeLessThan(4);
});
