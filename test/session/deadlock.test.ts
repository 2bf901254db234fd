import { describe, expect, it } from "vitest";
import type { LocalTool } from "../../src/session/local-tools.ts";
import { Line, withChannel } from "./channel.ts";

const pause = (time: number): Promise<void> => new Promise((done) => setTimeout(done, time));

/** A tool that starts somebody who calls the next one with a token of its own. */
const passesOn = (name: string, next: string, port: () => number): LocalTool => ({
  name,
  isExclusive: true,
  async run(_, context) {
    const line = await Line.open(port(), context.delegate(["tools=*"]));
    const { result, error } = await line.call("session.tool", { name: next });
    line.socket.destroy();
    const inner = Object(result).structuredContent;
    return { ended: error?.data["code"] ?? inner?.ended ?? "ok" };
  },
});

describe("a call for which a call further up waits", () => {
  it.each([
    ["itself", "first", "would_deadlock"],
    ["two levels up", "second", "would_deadlock"],
    ["somebody else's", "third", "ok"],
  ])("%s is answered at once: %s, %s", (_, next, ended) => {
    let at = 0;
    return withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        at = port;
        const line = await Line.open(port, token);
        const began = performance.now();
        const { result } = await line.call("session.tool", { name: "first" });
        expect(result).toMatchObject({ structuredContent: { ended } });
        expect(performance.now() - began).toBeLessThan(2000);
        line.socket.destroy();
      },
      {
        tools: [
          passesOn("first", next, () => at),
          passesOn("second", "first", () => at),
          { name: "third", isExclusive: true, run: () => ({}) },
        ],
      },
    );
  });

  it.each([
    ["four levels deep is answered", 4, "ok"],
    ["deeper than that is refused", 5, "too_deep"],
  ])("%s", (_, levels, ended) => {
    let at = 0;
    const deeper: LocalTool = {
      name: "deeper",
      async run({ left }, context) {
        if (left === 0) return { ended: "ok" };
        const line = await Line.open(at, context.delegate(["tools=*"]));
        const { result, error } = await line.call("session.tool", {
          name: "deeper",
          arguments: { left: Number(left) - 1 },
        });
        line.socket.destroy();
        return { ended: error?.data["code"] ?? Object(result).structuredContent.ended };
      },
    };
    return withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        at = port;
        const line = await Line.open(port, token);
        const { result } = await line.call("session.tool", { name: "deeper", arguments: { left: levels } });
        expect(result).toMatchObject({ structuredContent: { ended } });
        line.socket.destroy();
      },
      { tools: [deeper] },
    );
  });

  it("siblings wait for one another and proceed", () => {
    let most = 0;
    let running = 0;
    return withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        const codes = await Promise.all(Array.from({ length: 5 }, () => line.code("session.tool", { name: "one" })));
        expect([codes, most]).toEqual([["ok", "ok", "ok", "ok", "ok"], 1]);
        line.socket.destroy();
      },
      {
        tools: [
          {
            name: "one",
            isExclusive: true,
            async run() {
              running += 1;
              most = Math.max(most, running);
              await pause(5);
              running -= 1;
              return null;
            },
          },
        ],
      },
    );
  });

  it("a token that was made for a call is good for nothing when the call is over", () => {
    let kept = "";
    return withChannel(
      ["tools=*"],
      async ({ port, token }) => {
        const line = await Line.open(port, token);
        expect(await line.code("session.tool", { name: "keep" })).toBe("ok");
        const late = new Line(port);
        const { error } = await late.call("session.hello", { token: kept });
        expect(error?.data["code"]).toBe("revoked");
        line.socket.destroy();
      },
      {
        tools: [
          {
            name: "keep",
            async run(_, context) {
              kept = context.delegate(["tools=*"]);
              return null;
            },
          },
        ],
      },
    );
  });
});
