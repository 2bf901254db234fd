import { expect, it } from "vitest";
import type { MethodDefinition } from "../../src/session/method.ts";
import { Line, withChannel } from "./channel.ts";

const BUSY = 40;
const busy: MethodDefinition = {
  name: "session.busy",
  capability: null,
  subjectsOf: () => [],
  async handle() {
    for (const end = performance.now() + BUSY; performance.now() < end;);
    return {};
  },
};

/** How late a timer is at most while these requests are carried out, in milliseconds, and whether all are answered. */
async function latenessDuring(ask: (port: number, token: string) => readonly Promise<unknown>[]): Promise<number> {
  return withChannel(
    ["memory=notes"],
    async ({ port, token }) => {
      let latest = 0;
      let due = performance.now() + 5;
      const timer = setInterval(() => {
        latest = Math.max(latest, performance.now() - due);
        due = performance.now() + 5;
      }, 5);
      const answers = await Promise.all(ask(port, token));
      clearInterval(timer);
      expect(new Set(answers)).toEqual(new Set(["ok"]));
      return latest;
    },
    { methods: [busy] },
  );
}

/** Of all that are asked for at once. */
const few = 4 * BUSY;

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
  expect(await latenessDuring(ask)).toBeLessThan(few);
});
