import { beforeAll, describe, expect, it } from "vitest";
import { commandHelp } from "../../src/cli/command-help.ts";
import { commandList } from "../../src/cli/command-list.ts";
import type { Command } from "../../src/cli/command.ts";
import { completion } from "../../src/cli/commands/completion.ts";
import { spellings } from "../../src/cli/completion/tables.ts";
import { parseOptions } from "../../src/cli/parse.ts";
import { runOptions } from "../../src/cli/run-options.ts";

const shells = ["bash", "zsh", "fish"] as const;
const scripts = new Map<string, string>();
const commands = new Map<string, Command>();

beforeAll(async () => {
  for (const { name, load } of commandList) commands.set(name, await load());
  for (const shell of shells) scripts.set(shell, (await completion.run({ given: [], rest: [shell] })).text);
});

/** As a shell splits a line of an example: quotes hold words together, a redirection is not the command's. */
function wordsOf(line: string): readonly string[] {
  const [typed = ""] = line.split(" > ");
  return [...typed.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
}

describe.each(commandList.map(({ name, summary }) => [name, summary] as const))("sandboxed %s", (name, summary) => {
  const command = (): Command => commands.get(name) ?? expect.fail(name);

  it("has examples, each of which its own options take", () => {
    const { examples, options } = command();
    expect(examples).not.toEqual([]);
    for (const example of examples) {
      const [tool, ...words] = wordsOf(example);
      const own = words.slice(name.split(" ").length);
      expect([tool, ...words.slice(0, words.length - own.length)].join(" ")).toBe(`sandboxed ${name}`);
      expect(() => parseOptions(own, options, "anywhere")).not.toThrow();
    }
  });

  it("has a page of help that fits a terminal, and --json", () => {
    const text = commandHelp(name, summary, command());
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(132);
    expect(command().options.map(({ long }) => long)).toEqual(expect.arrayContaining(["json", "help"]));
  });

  it.each(shells)("is completed in %s, with its options", (shell) => {
    const words = new Set(scripts.get(shell)?.match(/[\w-]+/g));
    for (const word of name.split(" ")) expect(words).toContain(word);
    expect(missing(shell, command().options)).toEqual([]);
  });
});

it.each(shells)("all options of sandboxed-run are completed in %s", (shell) => {
  expect(runOptions.length).toBeGreaterThan(30);
  expect(missing(shell, runOptions)).toEqual([]);
});

/** Spellings that a script does not know. fish writes them without dashes. */
function missing(shell: (typeof shells)[number], options: Command["options"]): readonly string[] {
  const text = scripts.get(shell) ?? "";
  const known = new Set(text.match(/(?<![\w-])--?[\w-]+/g));
  const fish = new Set([...text.matchAll(/ -(?:l|s) ([\w-]+)/g)].map(([, word]) => word));
  return options
    .flatMap(spellings)
    .filter((word) => (shell === "fish" ? !fish.has(word.replace(/^--?/, "")) : !known.has(word)));
}
