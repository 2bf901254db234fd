import { didYouMean, escapeText, SandboxedError } from "../policy/index.ts";
import { optionName } from "./option.ts";
import type { Option } from "./option.ts";

/** Options as given, in their order, and what is left. */
export interface Parsed<Id extends string> {
  readonly given: readonly { readonly id: Id; readonly value: string }[];
  readonly rest: readonly string[];
}

/**
 * Reads a command line by a table. `first`: options end at the first other word, and the rest belongs to somebody
 * else; `anywhere`: they may stand between words. `--` ends them in both. Errors: `usage`.
 */
export function parseOptions<Id extends string>(
  words: readonly string[],
  table: readonly Option<Id>[],
  until: "first" | "anywhere",
): Parsed<Id> {
  const given: { id: Id; value: string }[] = [];
  const rest: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") return { given, rest: [...rest, ...words.slice(at + 1)] };
    if (word === "-" || !word.startsWith("-")) {
      if (until === "first") return { given, rest: words.slice(at) };
      rest.push(word);
      continue;
    }
    const next = word.startsWith("--") ? [longOption(word, table)] : shortOptions(word, table);
    for (const { option, attached } of next) {
      if (attached === null && option.argument !== null) at += 1;
      const value = attached ?? (option.argument === null ? "" : following(option, words[at]));
      given.push({ id: option.id, value: checked(option, value) });
    }
  }
  return { given, rest };
}

/** The last value of an option; null when it was not given. */
export function lastValue<Id extends string>({ given }: Parsed<Id>, id: Id): string | null {
  return given.findLast((one) => one.id === id)?.value ?? null;
}

/** Every value of an option, in order. */
export function allValues<Id extends string>({ given }: Parsed<Id>, id: Id): readonly string[] {
  return given.filter((one) => one.id === id).map(({ value }) => value);
}

interface Found<Id extends string> {
  readonly option: Option<Id>;
  /** The value in the same word. */
  readonly attached: string | null;
}

function longOption<Id extends string>(word: string, table: readonly Option<Id>[]): Found<Id> {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals < 0 ? undefined : equals);
  const option = table.find(({ long }) => long === name);
  if (option === undefined) throw unknown(`--${name}`, table);
  if (equals >= 0 && option.argument === null) throw usage(`--${name} takes no value`, `write --${name}`);
  return { option, attached: equals < 0 ? null : word.slice(equals + 1) };
}

/** `-q`, `-qv`, `-r PATH`, `-rPATH`. */
function shortOptions<Id extends string>(word: string, table: readonly Option<Id>[]): readonly Found<Id>[] {
  const found: Found<Id>[] = [];
  const [name = ""] = word.slice(1).split("=", 1);
  // As -r with the value "ead" it would grant something nobody meant.
  if (table.some(({ long }) => long === name)) throw usage(`${word} has one dash too few`, `write -${word}`);
  for (let at = 1; at < word.length; at++) {
    const letter = word.charAt(at);
    const option = table.find(({ short }) => short === letter);
    if (option === undefined) throw unknown(word.length > 2 && at === 1 ? word : `-${letter}`, table);
    if (option.argument === null) {
      found.push({ option, attached: null });
      continue;
    }
    const attached = word.slice(at + 1);
    if (attached.startsWith("=")) {
      const instead = option.long === null ? `-${letter} ${attached.slice(1)}` : `--${option.long}${attached}`;
      throw usage(`-${letter} takes its value without =`, `write ${escapeText(instead)}`);
    }
    return [...found, { option, attached: attached === "" ? null : attached }];
  }
  return found;
}

function following(option: Option, word: string | undefined): string {
  const needs = `${optionName(option)} needs ${option.argument ?? "a value"}`;
  if (word === undefined) throw usage(needs, `for example: ${option.example}`);
  if (word.length > 1 && word.startsWith("-")) {
    const way = option.long === null ? `-${option.short ?? ""}${word}` : `--${option.long}=${word}`;
    throw usage(
      `${needs}, and what follows looks like an option: ${escapeText(word)}`,
      `if it is meant, write ${escapeText(way)}`,
    );
  }
  return word;
}

function checked(option: Option, value: string): string {
  if (option.choices === undefined || option.choices.includes(value)) return value;
  const guess = didYouMean(value, option.choices);
  throw usage(
    `${optionName(option)} cannot be ${escapeText(JSON.stringify(value))}${guess}`,
    `write one of ${option.choices.join(", ")}`,
  );
}

function unknown(name: string, table: readonly Option[]): SandboxedError {
  const names = table.flatMap(({ long, short }) => [
    ...(long === null ? [] : [`--${long}`]),
    ...(short === null ? [] : [`-${short}`]),
  ]);
  // One letter is near every other letter: only words are guessed, also for -read and -help.
  const guess =
    name.length <= 2
      ? ""
      : didYouMean(
          `--${name.replace(/^-+/, "")}`,
          names.filter((one) => one.length > 2),
        );
  return usage(
    `unknown option ${escapeText(name)}${guess}`,
    "--help lists the options; those of the program go after its name",
  );
}

function usage(message: string, hint: string): SandboxedError {
  return new SandboxedError("usage", message, { hint });
}
