import { SandboxedError } from "../../../policy/index.ts";

export type SeccompArch = "x64" | "arm64";
/** How the run is enclosed; `sandbox-profiles/seccomp.toml` says what each one means. */
export type SeccompVariant = "namespaced" | "shared-network" | "landlock" | "landlock-network";
export type Answer = "ENOSYS" | "EPERM" | "EAFNOSUPPORT";

export const seccompArchs: readonly SeccompArch[] = ["x64", "arm64"];
export const seccompVariants: readonly SeccompVariant[] = [
  "namespaced",
  "shared-network",
  "landlock",
  "landlock-network",
];
const answers: readonly Answer[] = ["ENOSYS", "EPERM", "EAFNOSUPPORT"];

/** A test of the low 32 bits of one argument. */
export type Condition =
  | {
      readonly test: "in" | "not_in";
      readonly argument: number;
      readonly mask: number;
      readonly values: readonly number[];
    }
  | { readonly test: "any_bit"; readonly argument: number; readonly bits: number };

export interface Rule {
  readonly name: string;
  readonly why: string;
  readonly answer: Answer;
  readonly calls: readonly string[];
  readonly variants: readonly SeccompVariant[];
  /** All must hold; none means always. */
  readonly when: readonly Condition[];
}

/** The table with every name resolved. The first rule that applies to a call answers it. */
export interface Table {
  /** The highest call number whose meaning is known; everything above gets ENOSYS. */
  readonly newest: number;
  readonly rules: readonly Rule[];
  readonly constants: ReadonlyMap<string, number>;
  readonly numbers: ReadonlyMap<string, ReadonlyMap<SeccompArch, number>>;
}

/** Reads the parsed `seccomp.toml`. Anything unknown, missing, doubled or unused is an error: a typing slip must not open a hole. */
export function parseTable(document: unknown): Table {
  const root = entries(document, "the table", ["newest", "rule", "constants", "numbers"]);
  const newest = integer(root.get("newest"), "newest");
  // Far below the bit that marks an x32 call, which must stay above it.
  if (newest >= 0x1000) fail(`newest = ${newest} is no call number`);
  const constants = new Map<string, number>();
  for (const [name, value] of entries(root.get("constants"), "constants")) constants.set(name, integer(value, name));
  const numbers = new Map<string, ReadonlyMap<SeccompArch, number>>();
  for (const [name, value] of entries(root.get("numbers"), "numbers"))
    numbers.set(name, parseNumbers(value, name, newest));
  const used = new Set<string>();
  const rules = list(root.get("rule"), "rule").map((rule) => parseRule(rule, constants, numbers, used));
  const seen = new Set<string>();
  for (const { name } of rules) {
    if (seen.has(name)) fail(`two rules are called "${name}"`);
    seen.add(name);
  }
  for (const name of [...constants.keys(), ...numbers.keys()]) {
    if (!used.has(name)) fail(`"${name}" has a value but no rule uses it`);
  }
  return { newest, rules, constants, numbers };
}

function parseNumbers(value: unknown, name: string, newest: number): ReadonlyMap<SeccompArch, number> {
  const byArch = new Map<SeccompArch, number>();
  for (const [key, number] of entries(value, name)) byArch.set(oneOf(key, seccompArchs, name), integer(number, name));
  if (byArch.size === 0) fail(`${name} has no number`);
  for (const number of byArch.values()) {
    if (number > newest) fail(`${name} is number ${number}, above newest = ${newest}`);
  }
  return byArch;
}

function parseRule(value: unknown, constants: Table["constants"], numbers: Table["numbers"], used: Set<string>): Rule {
  const fields = entries(value, "a rule", ["name", "why", "answer", "calls", "variants", "when"]);
  const name = text(fields.get("name"), "the name of a rule");
  const calls = list(fields.get("calls"), `calls of ${name}`).map((call) => text(call, `a call of ${name}`));
  const missing = calls.find((call) => !numbers.has(call));
  if (missing !== undefined) fail(`rule "${name}": the call "${missing}" has no number`);
  for (const call of calls) used.add(call);
  const variants = fields.has("variants") ? list(fields.get("variants"), `variants of ${name}`) : seccompVariants;
  const when = fields.has("when") ? list(fields.get("when"), `when of ${name}`) : [];
  return {
    name,
    why: text(fields.get("why"), `why of ${name}`),
    answer: oneOf(fields.get("answer"), answers, `answer of ${name}`),
    calls,
    variants: variants.map((variant) => oneOf(variant, seccompVariants, `variants of ${name}`)),
    when: when.map((condition) => parseCondition(condition, name, constants, used)),
  };
}

function parseCondition(value: unknown, rule: string, constants: Table["constants"], used: Set<string>): Condition {
  const fields = entries(value, `a condition of ${rule}`, ["argument", "mask", "in", "not_in", "any_bit"]);
  const constant = (name: unknown): number => {
    const found = constants.get(text(name, `a value of ${rule}`));
    if (found === undefined) fail(`rule "${rule}": no constant is called "${String(name)}"`);
    used.add(String(name));
    return found;
  };
  const argument = integer(fields.get("argument"), `argument of ${rule}`);
  if (argument > 5) fail(`rule "${rule}": a call has arguments 0 to 5, not ${argument}`);
  const tests = (["in", "not_in", "any_bit"] as const).filter((test) => fields.has(test));
  const [test] = tests;
  if (test === undefined || tests.length > 1)
    fail(`rule "${rule}": a condition has exactly one of in, not_in, any_bit`);
  const values = list(fields.get(test), `${test} of ${rule}`).map(constant);
  if (test === "any_bit") {
    if (fields.has("mask")) fail(`rule "${rule}": any_bit takes no mask`);
    return { test, argument, bits: values.reduce((bits, bit) => (bits | bit) >>> 0, 0) };
  }
  return { test, argument, mask: fields.has("mask") ? constant(fields.get("mask")) : 0xffff_ffff, values };
}

function fail(message: string): never {
  throw new SandboxedError("internal", `sandbox-profiles/seccomp.toml: ${message}`);
}

function entries(value: unknown, what: string, known?: readonly string[]): Map<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(`${what} must be a table`);
  const fields = new Map<string, unknown>(Object.entries(value));
  const unknown = known && [...fields.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) fail(`${what} has no key "${unknown}"`);
  return fields;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) fail(`${what} must be a list with something in it`);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string" || value === "") fail(`${what} must be text`);
  return value;
}

function integer(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > 0xffff_ffff)
    fail(`${what} must be a 32-bit number`);
  return value;
}

function oneOf<T extends string>(value: unknown, known: readonly T[], what: string): T {
  const found = known.find((name) => name === value);
  if (found === undefined) fail(`${what} must be one of ${known.join(", ")}, not ${JSON.stringify(value)}`);
  return found;
}
