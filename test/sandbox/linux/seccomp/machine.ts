import {
  auditArch,
  errno,
  type Instruction,
  offsetArch,
  offsetArgument,
  offsetNumber,
  op,
  returnAllow,
  returnErrno,
} from "../../../../src/sandbox/linux/seccomp/bpf.ts";
import type { SeccompArch, SeccompVariant, Table } from "../../../../src/sandbox/linux/seccomp/index.ts";
import type { Argument, Verdict } from "./case.ts";

/** `struct seccomp_data` without the instruction pointer, which no program here reads. */
export interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

export function callOf(arch: SeccompArch, number: number, args: readonly Argument[]): Call {
  const words = args.map((value) => BigInt.asUintN(64, typeof value === "string" ? 0x7fff_dead_6000n : BigInt(value)));
  return { arch: auditArch[arch], number, args: Array.from({ length: 6 }, (_, index) => words[index] ?? 0n) };
}

/** Runs a program the way the kernel does and counts its steps; a jump out of it or an unknown operation throws. */
export function run(
  program: readonly Instruction[],
  call: Call,
): { readonly verdict: Verdict; readonly steps: number } {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(offsetNumber, call.number, true);
  data.setUint32(offsetArch, call.arch, true);
  for (const [index, value] of call.args.entries()) data.setBigUint64(offsetArgument(index), value, true);

  let accumulator = 0;
  for (let at = 0, steps = 1; ; at += 1, steps += 1) {
    const instruction = program[at];
    if (instruction === undefined) throw new RangeError(`ran out of the program at ${at}`);
    const { code, jt, jf, k } = instruction;
    switch (code) {
      case op.load:
        accumulator = data.getUint32(k, true);
        break;
      case op.and:
        accumulator = (accumulator & k) >>> 0;
        break;
      case op.jump:
        at += k;
        break;
      case op.jumpEqual:
        at += accumulator === k ? jt : jf;
        break;
      case op.jumpAtLeast:
        at += accumulator >= k ? jt : jf;
        break;
      case op.jumpAnyBit:
        at += (accumulator & k) === 0 ? jf : jt;
        break;
      case op.answer:
        return { verdict: verdictOf(k), steps };
      default:
        throw new RangeError(`operation ${code} at ${at}`);
    }
  }
}

function verdictOf(value: number): Verdict {
  if (value === returnAllow) return "ALLOW";
  for (const name of ["EPERM", "ENOSYS", "EAFNOSUPPORT"] as const) {
    if (value === (returnErrno | errno[name])) return name;
  }
  throw new RangeError(`answer ${value}`);
}

/** What the table says, read without any program. */
export function judge(table: Table, arch: SeccompArch, variant: SeccompVariant, call: Call): Verdict {
  if (call.arch !== auditArch[arch] || call.number > table.newest) return "ENOSYS";
  const rule = table.rules.find(
    ({ calls, variants, when }) =>
      variants.includes(variant) &&
      calls.some((name) => table.numbers.get(name)?.get(arch) === call.number) &&
      when.every((condition) => {
        const low = Number(BigInt.asUintN(32, call.args[condition.argument] ?? 0n));
        if (condition.test === "any_bit") return (low & condition.bits) !== 0;
        return condition.values.includes((low & condition.mask) >>> 0) === (condition.test === "in");
      }),
  );
  return rule?.answer ?? "ALLOW";
}
