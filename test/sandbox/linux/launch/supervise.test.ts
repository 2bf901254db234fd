import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Launch } from "../../../../src/sandbox/linux/launch/index.ts";
import { Supervisor } from "../../../../src/sandbox/linux/launch/supervise.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const attached = () => {
  const done: string[] = [];
  const told: string[] = [];
  const supervisor = new Supervisor((goOn) => setTimeout(goOn, 50));
  const launch: Launch = {
    child: null,
    streams: null,
    go: () => {},
    leave: () => {},
    abort: () => void done.push("abort"),
    toInit: (line) => void done.push(line),
    toGuard: (line) => void told.push(line),
    ended: Promise.resolve(),
  };
  supervisor.attach(launch);
  return { supervisor, done, told };
};

describe("an init that does not answer", () => {
  it("goes down with the guard when the time is over", () => {
    const { supervisor, done } = attached();
    supervisor.exceed("wall_time", 1000);
    vi.advanceTimersByTime(4_900);
    expect(done).toEqual(["signal 15"]);
    vi.advanceTimersByTime(5_200);
    expect(done).toEqual(["signal 15", "signal 9", "abort"]);
  });
});

describe("asked twice to end", () => {
  it.each([
    { how: "by somebody impatient", signals: [2, 2], done: ["signal 2", "signal 2", "signal 9"] },
    {
      how: "by a terminal that goes away, of which kernel and shell both tell",
      signals: [1, 1],
      done: ["signal 1", "signal 1"],
    },
  ])("$how", ({ signals, done: expected }) => {
    const { supervisor, done } = attached();
    for (const signal of signals) supervisor.end(signal);
    expect(done).toEqual(expected);
  });
});

describe("a program that was stopped", () => {
  it("stops the tool when the guard is ready, and goes on with it where the guard says", () => {
    const { supervisor, done, told } = attached();
    supervisor.onInit({ kind: "stopped", number: 20 });
    expect(told).toEqual(["stopped 20"]);
    supervisor.onGuard({ kind: "stop" });
    expect(told).toEqual(["stopped 20"]);
    vi.advanceTimersByTime(50);
    expect(told).toEqual(["stopped 20", "foreground?"]);
    supervisor.onGuard({ kind: "foreground", yes: false });
    expect(done).toEqual(["continue bg"]);
  });

  it("has the foreground at once where the guard has it to give", () => {
    const { supervisor, done } = attached();
    supervisor.onInit({ kind: "stopped", number: 21 });
    supervisor.onGuard({ kind: "foreground", yes: true });
    expect(done).toEqual(["continue fg"]);
  });
});
