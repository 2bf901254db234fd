import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Alarm, SteadyClock } from "../../src/reload/clock.ts";

afterEach(() => void vi.useRealTimers());

describe("the time of a run", () => {
  it("goes on when somebody sets the clock back, and along when it is set on", async () => {
    const clock = new SteadyClock();
    const before = clock.now();
    vi.useFakeTimers({ toFake: ["Date"], now: before - 3_600_000 });
    await sleep(20);
    expect(clock.now()).toBeGreaterThan(before);
    vi.setSystemTime(before + 3_600_000);
    expect(clock.now()).toBe(before + 3_600_000);
    // Nor when it was set on before.
    vi.setSystemTime(before);
    expect(clock.now()).toBeGreaterThanOrEqual(before + 3_600_000);
  });

  it("comes no later for that, and for a time that is far away no timer is too short", () => {
    vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "performance"] });
    const clock = new SteadyClock();
    const began = clock.now();
    const rung: number[] = [];
    const alarm = new Alarm(clock, () => rung.push(clock.now() - began));
    alarm.set(began + 40 * 24 * 3_600_000);
    vi.advanceTimersByTime(24 * 3_600_000);
    // As a machine that was asleep finds it.
    vi.setSystemTime(began + 40 * 24 * 3_600_000);
    expect(rung).toEqual([]);
    vi.advanceTimersByTime(60_001);
    expect(rung).toHaveLength(1);
    alarm.set(clock.now() + 1000);
    vi.setSystemTime(began);
    vi.advanceTimersByTime(1001);
    expect(rung).toHaveLength(2);
    alarm.set(clock.now() + 1000);
    alarm.set(null);
    vi.advanceTimersByTime(2000);
    expect(rung).toHaveLength(2);
  });
});
