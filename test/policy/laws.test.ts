import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { absolutePath } from "../../src/policy/index.ts";
import type { Access, AbsolutePath, Oracle, PathOperation } from "../../src/policy/index.ts";
import { builtin, machine, oracle, profile } from "./machine.ts";
import { accessOf, asProfile, least, narrowed } from "./reference.ts";
import type { Rule } from "./reference.ts";

const runs = { numRuns: 300 };
const names = ["a", "b", "ab", "c", ".env", "__proto__"] as const;
const operations: readonly PathOperation[] = ["read", "write", "create", "list", "exec", "move"];

/** Something granted by name in a directory that a pattern denies. */
const nested: readonly Rule[] = [
  { path: "/r/**/a?", access: "deny" },
  { path: "/r/ab/a", access: "write" },
  { path: "/r", access: "write" },
];

/** Few names, so that paths meet; away from what every run has of its own. */
const path = fc.array(fc.constantFrom(...names), { maxLength: 4 }).map((parts) => `/${["r", ...parts].join("/")}`);
const access = fc.constantFrom<Access>("deny", "read", "write");
const plainRule = fc.record({ path, access });
const globRule = fc
  .constantFrom("/r/**/.env", "/r/a/*", "/r/**/a?", "/r/*/b/**/c", "/r/**/[ab]/*", "/r/a/**/b")
  .map((pattern): Rule => ({ path: pattern, access: "deny" }));
const rules = fc.array(fc.oneof({ weight: 4, arbitrary: plainRule }, { weight: 1, arbitrary: globRule }), {
  maxLength: 10,
});

function granted(asked: Oracle, at: string): Access {
  if (asked.decide({ op: "write", path: at }).effect === "allow") return "write";
  return asked.decide({ op: "read", path: at }).effect === "allow" ? "read" : "deny";
}

function layered(
  layers: readonly (readonly Rule[])[],
  canonical?: (path: AbsolutePath) => AbsolutePath | null,
): Oracle {
  const places = machine({ protectedPaths: [], ...(canonical && { canonical }) });
  return oracle(
    layers.map((layer) => profile(asProfile(layer))),
    places,
  );
}

describe("the oracle", () => {
  it("agrees with the design written down directly", () => {
    fc.assert(
      fc.property(fc.array(rules, { minLength: 1, maxLength: 3 }), path, (layers, at) => {
        const expected = layers.map((layer) => accessOf(narrowed(layer), absolutePath(at))).reduce(least);
        expect(granted(layered(layers), at)).toBe(expected);
      }),
      runs,
    );
  });

  it("does not care about order", () => {
    fc.assert(
      fc.property(
        rules.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length }))),
        path,
        ([one, other], at) => {
          const decisions = [one, other].map((list) =>
            operations.map((op) => layered([list]).decide({ op, path: at })),
          );
          expect(decisions[0]).toEqual(decisions[1]);
        },
      ),
      runs,
    );
  });

  it("is never widened by one more deny, moves included", () => {
    fc.assert(
      fc.property(rules, path, path, (list, denied, at) => {
        const before = layered([list]);
        const after = layered([[...list, { path: denied, access: "deny" }]]);
        for (const op of operations) {
          if (after.decide({ op, path: at }).effect === "allow")
            expect(before.decide({ op, path: at }).effect).toBe("allow");
        }
      }),
      { ...runs, examples: [[[...nested], "/r", "/r/ab"]] },
    );
  });

  it("is never widened by one more deny pattern, moves included", () => {
    fc.assert(
      fc.property(rules, globRule, path, (list, pattern, at) => {
        const before = layered([list]);
        const after = layered([[...list, pattern]]);
        for (const op of operations) {
          if (after.decide({ op, path: at }).effect === "allow")
            expect(before.decide({ op, path: at }).effect).toBe("allow");
        }
      }),
      runs,
    );
  });

  it("gives less than any of its layers would alone", () => {
    fc.assert(
      fc.property(rules, rules, path, fc.constantFrom(...operations), (one, other, at, op) => {
        const both = layered([one, other]).decide({ op, path: at });
        if (both.effect !== "allow" || op === "move" || op === "list") return;
        expect(layered([one]).decide({ op, path: at }).effect).toBe("allow");
        expect(layered([other]).decide({ op, path: at }).effect).toBe("allow");
      }),
      runs,
    );
  });

  it("is left as it is by a layer that allows everything", () => {
    const places = machine();
    const neutral = builtin(":danger-full-access");
    fc.assert(
      fc.property(rules, path, fc.constantFrom(...operations), (list, at, op) => {
        const alone = profile(asProfile(list));
        const { effect, reason, where } = oracle([alone, neutral], places).decide({ op, path: at });
        expect({ effect, reason, where }).toEqual(pick(oracle(alone, places).decide({ op, path: at })));
      }),
      runs,
    );
  });

  it("does not care how a path is spelled", () => {
    const noise = fc.constantFrom("/", "//", "/./", "/x/../", "/a/b/../../");
    fc.assert(
      fc.property(
        rules,
        path,
        fc.array(noise, { minLength: 6, maxLength: 6 }),
        fc.boolean(),
        (list, at, noises, trailing) => {
          const asked = layered([list]);
          const parts = at.slice(1).split("/");
          const spelled =
            parts.map((part, index) => `${noises[index % noises.length]}${part}`).join("") + (trailing ? "/" : "");
          for (const op of operations)
            expect(asked.decide({ op, path: spelled })).toEqual(asked.decide({ op, path: at }));
        },
      ),
      runs,
    );
  });

  it("does not care through which symlink a path is reached, nor in which spelling a rule is written", () => {
    const links = { "/alias": "/r/a", "/other": "/alias/b" };
    const aliases = ["/alias", "/other"] as const;
    fc.assert(
      fc.property(
        rules,
        fc.constantFrom(...aliases),
        fc.array(fc.constantFrom(...names), { maxLength: 2 }),
        (list, alias, rest) => {
          const places = machine({ protectedPaths: [] }, links);
          const direct = oracle(profile(asProfile(list)), places);
          const real = absolutePath(`${alias === "/alias" ? "/r/a" : "/r/a/b"}/${rest.join("/")}`);
          for (const op of ["read", "write", "create", "list", "exec"] as const) {
            expect(direct.decide({ op, path: `${alias}/${rest.join("/")}` })).toEqual(
              direct.decide({ op, path: real }),
            );
          }
          const respelled = narrowed(list).map((rule) => ({
            ...rule,
            path: rule.path.includes("*") ? rule.path : rule.path.replace(/^\/r\/a(?=\/|$)/, "/alias"),
          }));
          expect(granted(oracle(profile(asProfile(respelled)), places), real)).toBe(granted(direct, real));
        },
      ),
      runs,
    );
  });

  it("compares whole names, never the beginning of one", () => {
    fc.assert(
      fc.property(path, access, fc.constantFrom("x", "-evil", " ", ".", "b"), (at, given, tail) => {
        const asked = layered([[{ path: at, access: given }]]);
        expect(granted(asked, `${at}${tail}`)).toBe("deny");
        expect(granted(asked, `${at}/x`)).toBe(given);
      }),
      runs,
    );
  });

  it("materialises what it answers", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(plainRule, { maxLength: 8 }), { minLength: 1, maxLength: 2 }),
        path,
        (layers, at) => {
          const asked = layered(layers);
          const steps = asked.materialise();
          const holding = steps.filter(
            (step) => step.path === "/" || at === step.path || at.startsWith(`${step.path}/`),
          );
          expect(holding.at(-1)?.access).toBe(granted(asked, at));
          const seen = new Set<string>();
          for (const { path: step } of steps) {
            for (const earlier of seen) expect(earlier.startsWith(`${step}/`)).toBe(false);
            seen.add(step);
          }
        },
      ),
      runs,
    );
  });
});

const stubborn = (at: AbsolutePath): AbsolutePath | null => (at.startsWith("/r/loop") ? null : at);

describe("a path that cannot be resolved", () => {
  it("is refused, and its neighbour is not", () => {
    const asked = layered([[{ path: "/r", access: "write" }]], stubborn);
    for (const op of operations) {
      expect(asked.decide({ op, path: "/r/loop/x" })).toMatchObject({ effect: "deny", reason: "unresolvable_path" });
    }
    expect(asked.decide({ op: "write", path: "/r/other/x" }).effect).toBe("allow");
  });

  it("cannot be granted", () => {
    expect(() => layered([[{ path: "/r/loop/x", access: "read" }]], stubborn)).toThrow(/cannot be resolved/);
    expect(() => layered([[{ path: "/r/loop/x", access: "deny" }]], stubborn)).not.toThrow();
  });

  it.each([["/r/\0x"], [""], [`/${"x/".repeat(8000)}`]])("is refused in the form %j", (at) => {
    expect(layered([[{ path: "/", access: "write" }]]).decide({ op: "read", path: at }).reason).toBe(
      "unresolvable_path",
    );
  });
});

function pick({ effect, reason, where }: ReturnType<Oracle["decide"]>): object {
  return { effect, reason, where };
}
