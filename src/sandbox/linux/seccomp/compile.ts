import { link, type Line } from "./assembler.ts";
import { auditArch, encode, errno, offsetArch, offsetArgument, offsetNumber, returnAllow, returnErrno } from "./bpf.ts";
import type { Answer, Condition, Rule, SeccompArch, SeccompVariant, Table } from "./table.ts";

/** From `start` up to the next span, every call number goes to the same label. */
interface Span {
  readonly start: number;
  readonly to: string;
}

/**
 * The seccomp program of one architecture and variant, as the bytes of a `struct sock_filter[]`.
 *
 * The number is looked up by halving, which keeps the time to load the program short, and numbers that always get the
 * same answer are found without looking at arguments, which lets the kernel remember that they are allowed.
 */
export function assemble(table: Table, arch: SeccompArch, variant: SeccompVariant): Uint8Array {
  const blocks = new Map<string, Line[]>();
  const targets = new Map<number, string>();
  for (const [number, rules] of rulesByNumber(table, arch, variant)) {
    const name = blockName(rules);
    if (!blocks.has(name) && !isAnswer(name)) blocks.set(name, checks(name, rules));
    targets.set(number, name);
  }
  return encode(
    link([
      { line: "load", offset: offsetArch },
      { line: "branch", test: "equal", k: auditArch[arch], yes: "known architecture", no: "ENOSYS" },
      label("known architecture"),
      { line: "load", offset: offsetNumber },
      ...search(spans(targets, table.newest)),
      ...[...blocks.values()].flat(),
      ...Object.entries(errno).flatMap(([name, value]) => [label(name), answer(returnErrno | value)]),
      label("ALLOW"),
      answer(returnAllow),
    ]),
  );
}

function rulesByNumber(table: Table, arch: SeccompArch, variant: SeccompVariant): Map<number, Rule[]> {
  const found = new Map<number, Rule[]>();
  for (const rule of table.rules.filter(({ variants }) => variants.includes(variant))) {
    for (const call of rule.calls) {
      const number = table.numbers.get(call)?.get(arch);
      if (number === undefined) continue;
      const rules = found.get(number);
      if (rules === undefined) found.set(number, [rule]);
      else rules.push(rule);
    }
  }
  return found;
}

/** Calls with the same rules share a block; a first rule without conditions needs none. */
function blockName(rules: readonly Rule[]): string {
  const [first] = rules;
  return first?.when.length === 0 ? first.answer : rules.map(({ name }) => name).join(" + ");
}

function isAnswer(name: string): name is Answer {
  return Object.hasOwn(errno, name);
}

function checks(block: string, rules: readonly Rule[]): Line[] {
  const lines: Line[] = [label(block)];
  for (const [index, rule] of rules.entries()) {
    const otherwise = index === rules.length - 1 ? "ALLOW" : `${block}, after ${rule.name}`;
    for (const [nth, condition] of rule.when.entries()) {
      const place = `${block}, ${rule.name} ${nth}`;
      const last = nth === rule.when.length - 1;
      lines.push(...check(condition, place, last ? rule.answer : `${place} holds`, otherwise));
      if (!last) lines.push(label(`${place} holds`));
    }
    if (rule.when.length === 0) return [...lines, { line: "goto", to: rule.answer }];
    if (otherwise !== "ALLOW") lines.push(label(otherwise));
  }
  return lines;
}

function check(condition: Condition, place: string, yes: string, no: string): Line[] {
  const lines: Line[] = [{ line: "load", offset: offsetArgument(condition.argument) }];
  if (condition.test === "any_bit") return [...lines, { line: "branch", test: "anyBit", k: condition.bits, yes, no }];
  if (condition.mask !== 0xffff_ffff) lines.push({ line: "and", mask: condition.mask });
  const [found, absent] = condition.test === "in" ? [yes, no] : [no, yes];
  for (const [index, value] of condition.values.entries()) {
    const next = index === condition.values.length - 1 ? absent : `${place}, not ${index}`;
    lines.push({ line: "branch", test: "equal", k: value, yes: found, no: next });
    if (next !== absent) lines.push(label(next));
  }
  return lines;
}

/** The number line cut where the target changes, from 0 to beyond the newest known call (x32 numbers lie far above). */
function spans(targets: ReadonlyMap<number, string>, newest: number): Span[] {
  const cut: Span[] = [];
  for (let number = 0; number <= newest; number += 1) {
    const to = targets.get(number) ?? "ALLOW";
    if (cut.at(-1)?.to !== to) cut.push({ start: number, to });
  }
  return [...cut, { start: newest + 1, to: "ENOSYS" }];
}

function search(cut: readonly Span[]): Line[] {
  const half = Math.ceil(cut.length / 2);
  const [below, above] = [cut.slice(0, half), cut.slice(half)];
  const [middle] = above;
  if (middle === undefined) return [];
  return [
    { line: "branch", test: "atLeast", k: middle.start, yes: entrance(above), no: entrance(below) },
    ...inside(below),
    ...inside(above),
  ];
}

/** A single span is its target; a longer stretch begins with a branch of its own. */
function entrance(cut: readonly Span[]): string {
  const [first] = cut;
  return cut.length === 1 && first !== undefined ? first.to : `from ${first?.start} to ${cut.at(-1)?.start}`;
}

function inside(cut: readonly Span[]): Line[] {
  return cut.length === 1 ? [] : [label(entrance(cut)), ...search(cut)];
}

function label(name: string): Line {
  return { line: "label", name };
}

function answer(value: number): Line {
  return { line: "answer", value };
}
