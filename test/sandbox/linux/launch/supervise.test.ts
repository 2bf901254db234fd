import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Launch } from "../../../../src/sandbox/linux/launch/index.ts";
import { Supervisor } from "../../../../src/sandbox/linux/launch/supervise.ts";

describe("an init that does not answer", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const attached = () => {
    const done: string[] = [];
    const supervisor = new Supervisor(() => {});
    const launch: Launch = {
      child: null,
      go: () => {},
      abort: () => void done.push("abort"),
      toInit: (line) => void done.push(line),
      toGuard: () => {},
      ended: Promise.resolve(),
    };
    supervisor.attach(launch);
    return { supervisor, done };
  };

  it("goes down with the guard when the time is over", () => {
    const { supervisor, done } = attached();
    supervisor.exceed("wall_time", 1000);
    vi.advanceTimersByTime(4_900);
    expect(done).toEqual(["signal 15"]);
    vi.advanceTimersByTime(5_200);
    expect(done).toEqual(["signal 15", "signal 9", "abort"]);
  });
});
