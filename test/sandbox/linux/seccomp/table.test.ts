import { describe, expect, it } from "vitest";
import { parseTable } from "../../../../src/sandbox/linux/seccomp/index.ts";
import { document, table } from "./profile.ts";

const minimal = {
  newest: 400,
  rule: [{ name: "one", why: "because", answer: "EPERM", calls: ["mount"], when: [{ argument: 1, in: ["A"] }] }],
  constants: { A: 5 },
  numbers: { mount: { x64: 165, arm64: 40 } },
};
const [rule] = minimal.rule;
const changed = (change: object): object => ({ ...minimal, rule: [{ ...rule, ...change }] });

describe("reading the table", () => {
  it("resolves names to values", () => {
    expect(parseTable(minimal).rules).toEqual([
      {
        name: "one",
        why: "because",
        answer: "EPERM",
        calls: ["mount"],
        variants: ["namespaced", "shared-network", "landlock", "landlock-network"],
        when: [{ test: "in", argument: 1, mask: 0xffff_ffff, values: [5] }],
      },
    ]);
  });

  it("reads the shipped one", () => {
    expect(parseTable(document)).toEqual(table);
    expect(table.rules.length).toBeGreaterThan(25);
  });

  it.each<[string, unknown, RegExp]>([
    ["an unknown key", { ...minimal, rules: [] }, /no key "rules"/],
    ["an unknown key of a rule", changed({ variant: ["landlock"] }), /no key "variant"/],
    ["an unknown key of a condition", changed({ when: [{ argument: 0, equals: ["A"] }] }), /no key "equals"/],
    ["no rules", { ...minimal, rule: [] }, /rule must be a list with something in it/],
    ["a rule without calls", changed({ calls: [] }), /calls of one/],
    ["an empty list of conditions", changed({ when: [] }), /when of one/],
    ["an empty list of values", changed({ when: [{ argument: 0, not_in: [] }] }), /not_in of one/],
    ["no reason", changed({ why: "" }), /why of one/],
    ["another answer", changed({ answer: "EACCES" }), /must be one of ENOSYS, EPERM, EAFNOSUPPORT/],
    ["another variant", changed({ variants: ["bwrap"] }), /must be one of namespaced/],
    ["a call without a number", changed({ calls: ["umount"] }), /"umount" has no number/],
    ["a constant without a value", changed({ when: [{ argument: 0, in: ["B"] }] }), /no constant is called "B"/],
    ["a bare number for a constant", changed({ when: [{ argument: 0, in: [5] }] }), /must be text/],
    ["a seventh argument", changed({ when: [{ argument: 6, in: ["A"] }] }), /arguments 0 to 5/],
    ["two tests in one condition", changed({ when: [{ argument: 0, in: ["A"], any_bit: ["A"] }] }), /exactly one of/],
    ["no test in a condition", changed({ when: [{ argument: 0 }] }), /exactly one of/],
    ["a mask on bits", changed({ when: [{ argument: 0, any_bit: ["A"], mask: "A" }] }), /takes no mask/],
    ["a rule twice", { ...minimal, rule: [rule, rule] }, /two rules are called "one"/],
    ["a constant nobody uses", { ...minimal, constants: { A: 5, B: 6 } }, /"B" has a value but no rule/],
    ["a number nobody uses", { ...minimal, numbers: { ...minimal.numbers, bpf: { x64: 1 } } }, /"bpf" has a value/],
    ["a number above the newest", { ...minimal, newest: 100 }, /above newest = 100/],
    ["a newest call among the x32 ones", { ...minimal, newest: 0x4000_0200 }, /is no call number/],
    ["a number of no architecture", { ...minimal, numbers: { mount: {} } }, /mount has no number/],
    ["another architecture", { ...minimal, numbers: { mount: { riscv: 40 } } }, /must be one of x64, arm64/],
    ["a 33-bit constant", { ...minimal, constants: { A: 0x1_0000_0000 } }, /32-bit/],
    ["something else altogether", "rules", /the table must be a table/],
  ])("refuses %s", (_, value, message) => {
    expect(() => parseTable(value)).toThrow(message);
  });
});
