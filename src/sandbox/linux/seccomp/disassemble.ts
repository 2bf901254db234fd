import {
  auditArch,
  decode,
  errno,
  type Instruction,
  offsetArch,
  offsetArgument,
  offsetNumber,
  op,
  returnAllow,
  returnErrno,
} from "./bpf.ts";

const operators = new Map<number, string>([
  [op.jumpEqual, "=="],
  [op.jumpAtLeast, ">="],
  [op.jumpAnyBit, "&"],
]);

/**
 * A program as text, one instruction a line: its index, what it does, and where branches lead. `names` gives the call
 * numbers of the program's architecture their names.
 */
export function disassemble(bytes: Uint8Array, names: ReadonlyMap<number, string> = new Map()): string {
  let loaded = "";
  return decode(bytes)
    .map((instruction, index) => {
      loaded = loads(instruction) ?? loaded;
      return `${String(index).padStart(4)}  ${describe(instruction, index, loaded, names)}\n`;
    })
    .join("");
}

function loads({ code, k }: Instruction): string | null {
  if (code !== op.load) return null;
  if (k === offsetNumber) return "number";
  if (k === offsetArch) return "arch";
  const argument = [0, 1, 2, 3, 4, 5].find((index) => offsetArgument(index) === k);
  return argument === undefined ? `data[${k}]` : `argument ${argument}`;
}

function describe(instruction: Instruction, index: number, loaded: string, names: ReadonlyMap<number, string>): string {
  const { code, jt, jf, k } = instruction;
  const operator = operators.get(code);
  if (operator !== undefined) {
    const value = loaded === "number" ? [k, names.get(k) ?? ""].join(" ").trimEnd() : hexadecimal(k);
    return `if ${operator} ${value} goto ${index + 1 + jt} else ${index + 1 + jf}`;
  }
  switch (code) {
    case op.load:
      return `load ${loaded}`;
    case op.and:
      return `and ${hexadecimal(k)}`;
    case op.jump:
      return `goto ${index + 1 + k}`;
    case op.answer:
      return `answer ${answerName(k)}`;
    default:
      return `unknown ${hexadecimal(code)} ${jt} ${jf} ${hexadecimal(k)}`;
  }
}

function answerName(k: number): string {
  if (k === returnAllow) return "ALLOW";
  const [name] = Object.entries(errno).find(([, value]) => k === (returnErrno | value)) ?? [hexadecimal(k)];
  return name;
}

function hexadecimal(value: number): string {
  const [arch] = Object.entries(auditArch).find(([, known]) => known === value) ?? [null];
  return arch ?? `0x${value.toString(16)}`;
}
