import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absolutePath } from "../../src/policy/index.ts";
import { parseCapability } from "../../src/session/capability/text.ts";
import { SessionError } from "../../src/session/error.ts";
import { admit } from "../../src/session/grant/admit.ts";
import type { Admission } from "../../src/session/grant/admit.ts";
import type { Grant } from "../../src/session/grant/grant.ts";
import { Grants } from "../../src/session/grant/grants.ts";

const root = absolutePath("/w");
const door = { name: "one" };

function grantsAt(clock: { now: number }) {
  const ended: string[] = [];
  const grants = new Grants(
    root,
    { ended: (grant, held, why) => void ended.push(`${grant.id} ${held === null ? "" : "capability "}${why.code}`) },
    () => clock.now,
  );
  const make = (texts: readonly string[], parent: Grant | null = null, expiresIn: number | null = null) =>
    grants.make({ capabilities: texts.map(parseCapability), expiresIn, parent, door, within: null });
  return { grants, make, ended };
}

const outcome = (act: () => unknown): string => {
  try {
    act();
    return "ok";
  } catch (error) {
    return error instanceof SessionError ? error.code : "thrown";
  }
};

describe("a token", () => {
  it("is 256 random bits, found at its own door alone, never kept as it is (B16)", () => {
    const { grants, make } = grantsAt({ now: 0 });
    const made = Array.from({ length: 100 }, () => make(["checkpoint"]));
    expect(new Set(made.map(({ token }) => token)).size).toBe(100);
    expect(made.every(({ token }) => /^sbx_[\w-]{43}$/.test(token))).toBe(true);
    const [first] = made;
    expect(grants.find(first?.token ?? "", door).id).toBe("g1");
    expect(outcome(() => grants.find(first?.token ?? "", { name: "one" }))).toBe("unauthenticated");
    expect(outcome(() => grants.find(`${first?.token ?? ""}A`, door))).toBe("unauthenticated");
    expect(outcome(() => grants.find("", door))).toBe("unauthenticated");
  });

  it("ends by its time, by the clock that never goes back, with all that was made from it", () => {
    const clock = { now: 1000 };
    const { grants, make, ended } = grantsAt(clock);
    const { grant, token } = make(["checkpoint", "delegate"], null, 500);
    const child = make(["checkpoint"], grant);
    clock.now = 1499;
    expect(outcome(() => grants.find(token, door))).toBe("ok");
    clock.now = 1500;
    expect(outcome(() => grants.find(child.token, door))).toBe("expired");
    expect(outcome(() => grants.find(token, door))).toBe("expired");
    clock.now = 0;
    expect(outcome(() => grants.find(token, door))).toBe("expired");
    expect(ended.toSorted()).toEqual(["g1 expired", "g1.1 expired"]);
  });

  it("that is taken back is good for nothing, nor is what was made from it", () => {
    const { grants, make } = grantsAt({ now: 0 });
    const parent = make(["checkpoint", "delegate"]);
    const child = make(["checkpoint"], parent.grant);
    const other = make(["checkpoint"]);
    grants.end(parent.grant, new SessionError("revoked", "x"));
    expect([parent, child, other].map(({ token }) => outcome(() => grants.find(token, door)))).toEqual([
      "revoked",
      "revoked",
      "ok",
    ]);
  });
});

describe("a use", () => {
  const now = { now: 0 };
  it("is taken while there is one, from everything it comes from", () => {
    const { make } = grantsAt(now);
    const parent = make(["tools=*:calls=3", "delegate"]);
    const one = make(["tools=*:calls=2"], parent.grant);
    const other = make(["tools=a"], parent.grant);
    const call = (grant: Grant, tool: string): string => outcome(() => admit(grant, "tools", [tool], 0));
    expect([call(one.grant, "a"), call(one.grant, "b"), call(one.grant, "c")]).toEqual(["ok", "ok", "exhausted"]);
    expect([call(other.grant, "b"), call(other.grant, "a"), call(other.grant, "a")]).toEqual([
      "not_granted",
      "ok",
      "exhausted",
    ]);
    expect(call(parent.grant, "a")).toBe("exhausted");
  });

  it("comes back with the rate", () => {
    const { make } = grantsAt(now);
    const { grant } = make(["tools=*:rate=2/1s"]);
    const at = (time: number): string => outcome(() => admit(grant, "tools", ["a"], time));
    expect([at(0), at(0), at(0), at(499), at(500), at(500), at(10_000), at(10_000), at(10_000)]).toEqual([
      "ok",
      "ok",
      "rate_limited",
      "rate_limited",
      "ok",
      "rate_limited",
      "ok",
      "ok",
      "rate_limited",
    ]);
  });

  it("of several things is all or nothing", () => {
    const { make } = grantsAt(now);
    const { grant } = make(["patch=a:calls=1", "patch=b:calls=1"]);
    const call = (...names: readonly string[]): string =>
      outcome(() =>
        admit(
          grant,
          "patch",
          names.map((name) => `/w/${name}`),
          0,
        ),
      );
    expect([call("a", "c"), call("a", "b"), call("a")]).toEqual(["not_granted", "ok", "exhausted"]);
  });

  it("needs nobody's yes where another capability wants none", () => {
    const { make } = grantsAt(now);
    const { grant } = make(["tools=*:approval=always", "tools=read"]);
    expect(admit(grant, "tools", ["read"], 0).asking).toHaveLength(0);
    expect(admit(grant, "tools", ["write"], 0).asking).toHaveLength(1);
  });
});

describe("a derived token", () => {
  const name = fc.constantFrom("a", "b", "ab", "abc");
  const capability = fc
    .record({
      scope: fc.uniqueArray(fc.constantFrom("a", "b", "a*", "*b", "*", "ab", "*c"), { minLength: 1, maxLength: 2 }),
      calls: fc.option(fc.integer({ min: 1, max: 5 })),
      expires: fc.option(fc.integer({ min: 1, max: 40 })),
    })
    .map(
      ({ scope, calls, expires }) =>
        `tools=${scope.join(",")}${calls === null ? "" : `:calls=${calls}`}${expires === null ? "" : `:expires=${expires}ms`}`,
    );
  const level = fc.array(capability, { minLength: 1, maxLength: 3 });
  const path = fc.constantFrom("/w/a", "/w/src/a", "/w/src/b", "/w/src/deep/c", "/x/a");
  const patching = fc
    .record({
      scope: fc.uniqueArray(fc.constantFrom("**", "src/**", "src/*", "a", "/x/*", "src/deep/c"), {
        minLength: 1,
        maxLength: 2,
      }),
      rate: fc.option(fc.integer({ min: 1, max: 3 })),
      approval: fc.constantFrom("never", "once", "always"),
    })
    .map(
      ({ scope, rate, approval }) =>
        `patch=${scope.join(",")}${rate === null ? "" : `:rate=${rate}/20ms`}:approval=${approval}`,
    );

  it("never does what its parents could not", () => {
    fc.assert(
      fc.property(
        fc.array(level, { minLength: 2, maxLength: 4 }),
        fc.array(fc.tuple(name, fc.nat(5)), { maxLength: 30 }),
        (levels, calls) => {
          const clock = { now: 0 };
          const { make } = grantsAt(clock);
          let derived: Grant | null = null;
          // The same capabilities, each level by itself: what it would allow if it were nobody's child.
          const alone = levels.map((texts) => make(texts).grant);
          for (const texts of levels) derived = make(texts, derived).grant;
          for (const [tool, later] of calls) {
            clock.now += later;
            if (derived === null || outcome(() => admit(derived, "tools", [tool], clock.now)) !== "ok") continue;
            for (const grant of alone) expect(outcome(() => admit(grant, "tools", [tool], clock.now))).toBe("ok");
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("is asked about wherever a parent would be, of several files at once too", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(patching, { minLength: 1, maxLength: 3 }), { minLength: 2, maxLength: 4 }),
        fc.array(fc.tuple(fc.uniqueArray(path, { minLength: 1, maxLength: 3 }), fc.nat(8), fc.boolean()), {
          maxLength: 20,
        }),
        (levels, calls) => {
          const clock = { now: 0 };
          const { make } = grantsAt(clock);
          const alone = levels.map((texts) => make(texts).grant);
          let derived = make(levels[0] ?? []).grant;
          for (const texts of levels.slice(1)) derived = make(texts, derived).grant;
          for (const [paths, later, isApproved] of calls) {
            clock.now += later;
            let own: Admission | null = null;
            try {
              own = admit(derived, "patch", paths, clock.now);
            } catch {
              continue;
            }
            for (const grant of alone) {
              const theirs = admit(grant, "patch", paths, clock.now);
              expect(own.asking.length).toBeGreaterThanOrEqual(theirs.asking.length);
              if (isApproved) for (const held of theirs.asking) held.approve();
            }
            if (isApproved) for (const held of own.asking) held.approve();
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it("has no kind that its parent lacks", () => {
    const { make } = grantsAt({ now: 0 });
    const { grant } = make(["tools=a", "delegate"]);
    expect(outcome(() => make(["checkpoint"], grant))).toBe("not_granted");
    expect(outcome(() => make(["tools=*"], grant))).toBe("ok");
  });
});
