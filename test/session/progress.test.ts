import { describe, expect, it } from "vitest";
import type { LocalTool } from "../../src/session/local-tools.ts";
import { Line, withChannel } from "./channel.ts";

const total = 5000;
const message = "x".repeat(1000);
const tell: LocalTool = {
  name: "tell",
  async run(_, { progress }) {
    for (let at = 1; at <= total; at += 1) {
      progress?.({ progress: at, total, message });
      // oxlint-disable-next-line no-await-in-loop -- what is sent meanwhile is read meanwhile
      if (at % 50 === 0) await new Promise((done) => setImmediate(done));
    }
    return "told";
  },
};

describe("progress", () => {
  it.each([
    ["who reads is left nothing out", true],
    ["who does not read hears the last of it before the answer, and how much was left out", false],
  ])("%s", (_, reads) =>
    withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const heard: { readonly progress: number; readonly omitted?: number }[] = [];
        const order: string[] = [];
        const take = (each: unknown): number => {
          const { method, params, id } = JSON.parse(JSON.stringify(each));
          if (id === "t2") order.push("answer");
          if (method !== "session.progress" || params.progressToken !== "p") return 0;
          order.push("report");
          return heard.push(params);
        };
        const call = line.call("session.tool", { name: "tell", _meta: { progressToken: "p" } });
        if (!reads) {
          line.socket.pause();
          await new Promise((done) => setTimeout(done, 1000));
          line.socket.resume();
        }
        expect((await call).error).toBeUndefined();
        for (const each of line.answers) take(each);
        expect(order.indexOf("answer")).toBe(order.length - 1);
        const steps = heard.map(({ progress }) => progress);
        expect(steps).toEqual(steps.toSorted((one, other) => one - other));
        expect(steps.at(-1)).toBe(total);
        const omitted = heard.reduce((sum, report) => sum + (report.omitted ?? 0), 0);
        expect(heard.length + omitted).toBe(total);
        expect(omitted > 0).toBe(!reads);
      },
      { tools: [tell], limits: { unreadBytes: reads ? 64 * 1024 * 1024 : 64 * 1024 } },
    ),
  );
});
