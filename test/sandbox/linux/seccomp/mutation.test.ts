import { describe, expect, it } from "vitest";
import {
  type Answer,
  type Condition,
  type Rule,
  type SeccompArch,
  seccompArchs,
  seccompVariants,
  type Table,
} from "../../../../src/sandbox/linux/seccomp/index.ts";
import { cases, onlyX64 } from "./cases.ts";
import { callOf, judge } from "./machine.ts";
import { table } from "./profile.ts";

/** The first case that tells the table from the shipped one. */
function noticedBy(mutant: Table): string | null {
  for (const arch of seccompArchs) {
    for (const { name, call, args, verdict } of cases) {
      const number = typeof call === "number" ? call : mutant.numbers.get(call)?.get(arch);
      if (number === undefined) {
        if (arch === "arm64" && onlyX64.has(String(call))) continue;
        return name;
      }
      const asked = callOf(arch, number, args);
      if (seccompVariants.some((variant) => judge(mutant, arch, variant, asked) !== verdict[variant])) return name;
    }
  }
  return null;
}

interface Mutant {
  readonly name: string;
  readonly table: Table;
}

const withRules = (name: string, rules: readonly Rule[]): Mutant => ({ name, table: { ...table, rules } });
const without = <T>(list: readonly T[], index: number): T[] => list.filter((_, place) => place !== index);

function ruleMutants(rule: Rule, index: number): Mutant[] {
  const replaced = (name: string, change: Partial<Rule>): Mutant =>
    withRules(`${rule.name} ${name}`, table.rules.with(index, { ...rule, ...change }));
  const answers: readonly Answer[] = ["ENOSYS", "EPERM", "EAFNOSUPPORT"];
  return [
    withRules(`without ${rule.name}`, without(table.rules, index)),
    ...answers.filter((answer) => answer !== rule.answer).map((answer) => replaced(`answering ${answer}`, { answer })),
    ...rule.calls.map((call, place) => replaced(`without ${call}`, { calls: without(rule.calls, place) })),
    ...rule.variants.map((variant, place) =>
      replaced(`not in ${variant}`, { variants: without(rule.variants, place) }),
    ),
    ...seccompVariants
      .filter((variant) => !rule.variants.includes(variant))
      .map((variant) => replaced(`in ${variant} too`, { variants: [...rule.variants, variant] })),
    ...rule.when.flatMap((condition, place) => [
      replaced(`without condition ${place}`, { when: without(rule.when, place) }),
      ...conditionMutants(condition).map(([name, changed]) =>
        replaced(`with condition ${place} ${name}`, { when: rule.when.with(place, changed) }),
      ),
    ]),
  ];
}

function conditionMutants(condition: Condition): [name: string, changed: Condition][] {
  const moved: [string, Condition] = ["on the next argument", { ...condition, argument: condition.argument + 1 }];
  if (condition.test === "any_bit") {
    const bits = Array.from({ length: 32 }, (_, bit) => (1 << bit) >>> 0).filter((bit) => (condition.bits & bit) !== 0);
    return [
      moved,
      ...bits.map((bit): [string, Condition] => [`without bit ${bit}`, { ...condition, bits: condition.bits - bit }]),
    ];
  }
  return [
    moved,
    ["turned round", { ...condition, test: condition.test === "in" ? "not_in" : "in" }],
    ...(condition.mask === 0xffff_ffff
      ? []
      : [["without its mask", { ...condition, mask: 0xffff_ffff }] as [string, Condition]]),
    ...condition.values.map((value, index): [string, Condition] => [
      `without value ${value}`,
      { ...condition, values: without(condition.values, index) },
    ]),
  ];
}

function numberMutants(): Mutant[] {
  return [...table.numbers].flatMap(([name, byArch]) =>
    [...byArch.keys()].map((arch) => {
      const left = new Map<SeccompArch, number>([...byArch].filter(([key]) => key !== arch));
      return {
        name: `${name} without its number on ${arch}`,
        table: { ...table, numbers: new Map(table.numbers).set(name, left) },
      };
    }),
  );
}

/** Changes that no call can show. */
const equivalent = new Set([
  // It would refuse AF_UNIX too, the only family left, which the rule after it does with the same answer.
  "host-network without condition 0",
]);

const mutants: Mutant[] = [
  ...table.rules.flatMap(ruleMutants),
  ...numberMutants(),
  { name: "knowing one call more", table: { ...table, newest: table.newest + 1 } },
  { name: "knowing one call less", table: { ...table, newest: table.newest - 1 } },
];

describe("the cases", () => {
  it("have names of their own", () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it("hold for the shipped table", () => {
    expect(noticedBy(table)).toBeNull();
  });

  it("notice any row, value, condition, variant or number that is taken away or changed", () => {
    expect(mutants.length).toBeGreaterThan(300);
    const unnoticed = mutants.filter((mutant) => noticedBy(mutant.table) === null);
    expect(unnoticed.map(({ name }) => name)).toEqual([...equivalent]);
  });
});
