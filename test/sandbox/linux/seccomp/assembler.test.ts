import { describe, expect, it } from "vitest";
import { type Line, link } from "../../../../src/sandbox/linux/seccomp/assembler.ts";
import {
  decode,
  encode,
  errno,
  type Instruction,
  returnAllow,
  returnErrno,
} from "../../../../src/sandbox/linux/seccomp/bpf.ts";
import { callOf, run } from "./machine.ts";

const allow: Line = { line: "answer", value: returnAllow };
const refuse: Line = { line: "answer", value: returnErrno | errno.EPERM };
const label = (name: string): Line => ({ line: "label", name });
const branch = (k: number, yes: string, no: string): Line => ({ line: "branch", test: "equal", k, yes, no });
const filling = (count: number): Line[] => Array.from({ length: count }, () => ({ line: "and", mask: 0xffff_ffff }));
const answerTo = (program: readonly Instruction[], number: number): string =>
  run(program, callOf("x64", number, [])).verdict;

describe("linking", () => {
  it("resolves labels to distances", () => {
    const lines = [branch(7, "refuse", "allow"), label("refuse"), refuse, label("allow"), allow];
    expect(link(lines)).toEqual([
      { code: 0x15, k: 7, jt: 0, jf: 1 },
      { code: 0x06, k: 0x50001, jt: 0, jf: 0 },
      { code: 0x06, k: 0x7fff0000, jt: 0, jf: 0 },
    ]);
  });

  it.each([0, 1, 100, 251, 252, 253, 254, 255, 256, 257, 1000])(
    "reaches targets %i instructions away, on either side",
    (far) => {
      const program = link([
        { line: "load", offset: 0 },
        branch(7, "refuse", "on"),
        label("on"),
        branch(8, "both", "both"),
        label("both"),
        branch(9, "allow", "refuse"),
        ...filling(far),
        label("refuse"),
        refuse,
        ...filling(far),
        label("allow"),
        allow,
      ]);
      expect([7, 8, 9].map((number) => answerTo(program, number))).toEqual(["EPERM", "EPERM", "ALLOW"]);
      expect(program.every(({ jt, jf }) => jt <= 255 && jf <= 255)).toBe(true);
    },
  );

  it.each<[string, Line[], RegExp]>([
    ["a label nobody set", [{ line: "goto", to: "nowhere" }, allow], /no label "nowhere" ahead/],
    ["a jump back", [label("back"), branch(1, "back", "on"), label("on"), allow], /no label "back" ahead/],
    ["a label twice", [label("a"), label("a"), allow], /label "a" twice/],
    ["a program that runs out", [allow, ...filling(1)], /does not end with an answer/],
    ["an empty program", [], /does not end with an answer/],
    ["more than the kernel takes", [...filling(4096), allow], /4097 instructions/],
  ])("refuses %s", (_, lines, message) => {
    expect(() => link(lines)).toThrow(message);
  });
});

describe("bytes", () => {
  it("are the kernel's layout and read back equal", () => {
    const program = link([{ line: "load", offset: 4 }, branch(0xc000_003e, "on", "on"), label("on"), allow]);
    expect(Buffer.from(encode(program)).toString("hex")).toBe("2000000004000000150000003e0000c0060000000000ff7f");
    expect(decode(encode(program))).toEqual(program);
  });

  it("cut in the middle of an instruction are refused", () => {
    expect(() => decode(new Uint8Array(9))).toThrow(RangeError);
  });
});
