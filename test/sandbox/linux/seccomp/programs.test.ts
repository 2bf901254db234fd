import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { decode } from "../../../../src/sandbox/linux/seccomp/bpf.ts";
import {
  assemble,
  disassemble,
  seccompArchs,
  seccompFileName,
  seccompVariants,
  writeSeccompPrograms,
} from "../../../../src/sandbox/linux/seccomp/index.ts";
import { cases, onlyX64 } from "./cases.ts";
import { callOf, judge, run } from "./machine.ts";
import { namesOf, table } from "./profile.ts";

const programs = seccompArchs.flatMap((arch) =>
  seccompVariants.map((variant) => ({
    name: `${arch} ${variant}`,
    arch,
    variant,
    bytes: assemble(table, arch, variant),
  })),
);

describe.each(programs)("the program for $name", ({ arch, variant, bytes }) => {
  const program = decode(bytes);

  it("answers every named case as written", () => {
    const wrong = cases.flatMap(({ name, call, args, verdict }) => {
      const number = typeof call === "number" ? call : table.numbers.get(call)?.get(arch);
      if (number === undefined) return arch === "arm64" && onlyX64.has(String(call)) ? [] : [`${name} has no number`];
      const answer = run(program, callOf(arch, number, args)).verdict;
      return answer === verdict[variant] ? [] : [`${name}: ${answer} instead of ${verdict[variant]}`];
    });
    expect(wrong).toEqual([]);
  });

  it("agrees with the table for any call, whatever stands in the upper halves, in few steps", () => {
    const numbers = [...namesOf(arch).keys()];
    const values = [...table.constants.values()];
    const low = fc.oneof(fc.constantFrom(...values), fc.nat(0xffff_ffff), fc.nat(8191));
    fc.assert(
      fc.property(
        fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...numbers) }, fc.nat(600), fc.nat(0xffff_ffff)),
        fc.array(low, { minLength: 6, maxLength: 6 }),
        fc.array(fc.nat(0xffff_ffff), { minLength: 6, maxLength: 6 }),
        (number, lows, highs) => {
          const plain = callOf(arch, number, lows);
          const garbled = callOf(
            arch,
            number,
            lows.map((value, index) => BigInt(value) | (BigInt(highs[index] ?? 0) << 32n)),
          );
          const { verdict, steps } = run(program, plain);
          expect(verdict).toBe(judge(table, arch, variant, plain));
          expect(run(program, garbled).verdict).toBe(verdict);
          expect(steps).toBeLessThan(50);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("agrees with the table for every number there is", () => {
    for (let number = 0; number <= table.newest + 100; number += 1) {
      const call = callOf(arch, number, []);
      expect([number, run(program, call).verdict]).toEqual([number, judge(table, arch, variant, call)]);
    }
  });

  it.each([
    ["i386", 0x4000_0003],
    ["32-bit Arm", 0x4000_0028],
    ["the other 64-bit architecture", arch === "x64" ? 0xc000_00b7 : 0xc000_003e],
    ["big-endian arm64", 0x8000_00b7],
    ["none", 0],
  ])("answers ENOSYS to any call of %s", (_, foreign) => {
    for (let number = 0; number < 500; number += 1) {
      expect(run(program, { ...callOf(arch, number, []), arch: foreign }).verdict).toBe("ENOSYS");
    }
  });

  it("answers ENOSYS to any x32 call", () => {
    for (let number = 0; number < 600; number += 1) {
      expect(run(program, callOf(arch, 0x4000_0000 + number, [])).verdict).toBe("ENOSYS");
    }
  });
});

describe("disassembly", () => {
  // One text for each kind of program; what the others add is covered by the cases.
  it.each([
    ["x64", "namespaced"],
    ["arm64", "landlock"],
  ] as const)("of %s %s reads as it should", async (arch, variant) => {
    const text = disassemble(assemble(table, arch, variant), namesOf(arch));
    await expect(text).toMatchFileSnapshot(`./golden/${arch}-${variant}.txt`);
  });

  it("shows what it does not know as numbers", () => {
    const strange = new Uint8Array([0x20, 0, 0, 0, 8, 0, 0, 0, 0x87, 0, 1, 2, 3, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0x80]);
    expect(disassemble(strange)).toBe("   0  load data[8]\n   1  unknown 0x87 1 2 0x3\n   2  answer 0x80000000\n");
  });
});

describe("the files of the build", () => {
  const folder = mkdtempSync(join(tmpdir(), "seccomp-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  it("hold each program under the name a launch looks for", () => {
    const out = join(folder, "made/here");
    const paths = writeSeccompPrograms(out);
    expect(paths.toSorted()).toEqual(
      programs.map(({ arch, variant }) => join(out, seccompFileName(arch, variant))).toSorted(),
    );
    for (const { arch, variant, bytes } of programs) {
      const file = readFileSync(join(out, seccompFileName(arch, variant)));
      expect(file.equals(bytes), "npm run generate has been run").toBe(true);
    }
  });

  it("are named by architecture and variant", () => {
    expect(seccompFileName("arm64", "shared-network")).toBe("arm64-shared-network.bpf");
  });
});
