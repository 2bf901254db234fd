import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absolutePath, isWithin } from "../../src/policy/index.ts";
import { planExcess } from "../../src/sandbox/index.ts";
import type { LaunchPlan } from "../../src/sandbox/index.ts";

const places = ["/", "/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/e"].map(absolutePath);
/** Also what stands below every mount, so that whatever it gives is looked at. */
const universe = places.flatMap((path) => [path, absolutePath(path === "/" ? "/leaf" : `${path}/leaf`)]);

type Step = LaunchPlan["mounts"][number];
const place = fc.constantFrom(...places);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant("bind" as const), from: place, to: place, access: fc.constantFrom("read", "write") }),
  place.chain((path) =>
    fc.constantFrom<Step>(
      { do: "bind", from: path, to: path, access: "read" },
      { do: "bind", from: path, to: path, access: "write" },
    ),
  ),
  fc.record({ do: fc.constant("tmpfs" as const), to: place, size: fc.constant(1), mode: fc.constant("0755") }),
  fc.record({
    do: fc.constant("mask" as const),
    to: place,
    kind: fc.constant("directory" as const),
    open: fc.boolean(),
  }),
  fc.record({ do: fc.constant("seal" as const), to: place }),
);
const limit = fc.option(fc.integer({ min: 1, max: 3 }));
const limits = fc.record({
  wallTime: limit,
  maxPause: fc.integer({ min: 1, max: 3 }),
  memory: limit,
  data: limit,
  processes: limit,
  openFiles: limit,
  tmpSize: limit,
  homeSize: limit,
  shmSize: limit,
});

/** Files alone, or all there is: most plans that differ in everything differ in more than one thing. */
const plan = fc
  .record({
    mounts: fc.array(step, { maxLength: 5 }),
    network: fc.constantFrom("off" as const, "restricted" as const, "full" as const),
    environment: fc.uniqueArray(fc.constantFrom("HOME", "PATH", "KEY"), { maxLength: 3 }),
    writable: fc.uniqueArray(place, { maxLength: 2 }),
    readable: fc.uniqueArray(place, { maxLength: 2 }),
    landlock: fc.boolean(),
    limits,
  })
  .map(({ environment, ...rest }) => {
    const some = { backend: "bwrap", ...rest, environment: environment.map((name) => [name, "x"]) };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- of a plan these are what one may have more of than another
    return some as unknown as LaunchPlan;
  });

/** What each place is after all steps, done one by one: the host's to be written (2), to be read (1), or none of it. */
function tree({ mounts }: LaunchPlan): ReadonlyMap<string, number> {
  const at = new Map<string, number>(universe.map((path) => [path, 0]));
  for (const each of mounts) {
    if (each.do === "seal") continue;
    const given = each.do === "bind" && each.from === each.to ? (each.access === "write" ? 2 : 1) : 0;
    for (const path of universe) if (isWithin(path, each.to)) at.set(path, given);
  }
  return at;
}

const most = (value: number | null): number => value ?? Infinity;

/** Whether one has anything that the other lacks, found out by asking for everything. */
function isWider(one: LaunchPlan, other: LaunchPlan): boolean {
  const [mine, theirs] = [tree(one), tree(other)];
  const [open, closed] = [one, other].map(({ readable, writable }) => (path: string) => [
    readable.some((root) => isWithin(absolutePath(path), root)),
    writable.some((root) => isWithin(absolutePath(path), root)),
  ]);
  const reaches = universe.some((path) => open?.(path).some((is, at) => is && closed?.(path)[at] !== true) ?? false);
  const bounds = new Map(Object.entries(other.limits));
  return (
    universe.some((path) => (mine.get(path) ?? 0) > (theirs.get(path) ?? 0)) ||
    reaches ||
    (one.network === "full" && other.network !== "full") ||
    (other.landlock && !one.landlock) ||
    one.environment.some(([name]) => !other.environment.some(([known]) => known === name)) ||
    Object.entries(one.limits).some(([name, value]) => most(value) > most(bounds.get(name) ?? null))
  );
}

describe("what one sandbox has more than another", () => {
  it("is nothing exactly where nothing can be found that it has", () => {
    let same = 0;
    fc.assert(
      fc.property(plan, plan, fc.boolean(), (one, other, isFiles) => {
        const built = isFiles ? { ...other, mounts: one.mounts } : one;
        const excess = planExcess(built, other);
        if (excess === null) same += 1;
        expect(excess !== null, JSON.stringify({ excess })).toBe(isWider(built, other));
      }),
      { numRuns: 300 },
    );
    // Both answers are tried.
    expect(same).toBeGreaterThan(10);
  });

  it("is nothing of a sandbox beside itself, or of any in a line of ever narrower ones", () => {
    fc.assert(
      fc.property(fc.array(plan, { minLength: 1, maxLength: 6 }), (plans) => {
        const [first] = plans;
        let last = first;
        // Each is spawned by the one before, or refused.
        for (const next of plans) if (last !== undefined && planExcess(next, last) === null) last = next;
        if (first === undefined || last === undefined) return;
        expect(isWider(last, first)).toBe(false);
        expect(planExcess(last, last)).toBe(null);
      }),
      { numRuns: 300 },
    );
  });
});
