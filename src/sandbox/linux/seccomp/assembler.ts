import { SandboxedError } from "../../../policy/index.ts";
import { type Instruction, maxInstructions, op } from "./bpf.ts";

/** One line of assembly. A branch names both of its targets, so that no line is reached by falling out of a branch. */
export type Line =
  | { readonly line: "label"; readonly name: string }
  | { readonly line: "load"; readonly offset: number }
  | { readonly line: "and"; readonly mask: number }
  | {
      readonly line: "branch";
      readonly test: BranchTest;
      readonly k: number;
      readonly yes: string;
      readonly no: string;
    }
  | { readonly line: "goto"; readonly to: string }
  | { readonly line: "answer"; readonly value: number };

export type BranchTest = "equal" | "atLeast" | "anyBit";

const branches = { equal: op.jumpEqual, atLeast: op.jumpAtLeast, anyBit: op.jumpAnyBit } as const;
/** A branch has 8 bits for each distance (`goto` has 32), less the room that a pair of gotos behind it may take. */
const longestBranch = 0xff - 2;

/**
 * Turns lines into instructions, last line first, so that the distance to every target is known when it is needed: the
 * machine jumps forward only. A branch whose target is too far away jumps to a goto put right behind it.
 */
export function link(lines: readonly Line[]): readonly Instruction[] {
  if (lines.at(-1)?.line !== "answer") throw broken("it does not end with an answer");
  const backwards: Instruction[] = [];
  /** How many instructions are at or behind the label. */
  const labels = new Map<string, number>();
  const emit = (code: number, k: number, jt = 0, jf = 0): void => {
    backwards.push({ code, jt, jf, k });
  };
  const find = (label: string): number => {
    const position = labels.get(label);
    if (position === undefined) throw broken(`no label "${label}" ahead`);
    return position;
  };
  const reach = (label: string): number => {
    const position = find(label);
    if (backwards.length - position <= longestBranch) return position;
    emit(op.jump, backwards.length - position);
    return backwards.length;
  };

  for (const line of lines.toReversed()) {
    switch (line.line) {
      case "label":
        if (labels.has(line.name)) throw broken(`label "${line.name}" twice`);
        labels.set(line.name, backwards.length);
        break;
      case "load":
        emit(op.load, line.offset);
        break;
      case "and":
        emit(op.and, line.mask);
        break;
      case "branch": {
        const yes = reach(line.yes);
        const no = reach(line.no);
        emit(branches[line.test], line.k, backwards.length - yes, backwards.length - no);
        break;
      }
      case "goto":
        emit(op.jump, backwards.length - find(line.to));
        break;
      case "answer":
        emit(op.answer, line.value);
        break;
    }
  }
  if (backwards.length > maxInstructions)
    throw broken(`${backwards.length} instructions are more than the kernel takes`);
  return backwards.toReversed();
}

function broken(what: string): SandboxedError {
  return new SandboxedError("internal", `the seccomp program cannot be assembled: ${what}`);
}
