import { describe, expect, it } from "vitest";
import { commandList } from "../../src/cli/command-list.ts";
import type { Option } from "../../src/cli/option.ts";
import { runOptions } from "../../src/cli/run-options.ts";
import { blocksOf, codeSpans, pages, proseOf } from "./pages.ts";

interface Mention {
  readonly place: string;
  /** What was typed: `sandboxed-run --timeout 10m -- make`. */
  readonly words: readonly string[];
}

const mentions = pages.flatMap((page): readonly Mention[] => [
  ...proseOf(page).flatMap((line, index) =>
    codeSpans(line).map((span) => ({ place: `${page}:${index + 1}`, words: span.split(/\s+/) })),
  ),
  ...blocksOf(page)
    .filter(({ info }) => info === "" || info === "sh")
    .flatMap(({ line, text }) =>
      text
        .split("\n")
        .map((each, index) => ({ place: `${page}:${line + index + 1}`, words: each.replace(/^\$ /, "").split(/\s+/) })),
    ),
]);
const typed = mentions.filter(({ words: [first = ""] }) => first === "sandboxed-run" || first === "sandboxed");
/** An option by itself: `--timeout`, `-w .`. */
const bare = mentions.filter(({ words: [first = ""] }) => /^--?[a-z]/.test(first));

describe("an option in README or docs", () => {
  it("is looked at", () => {
    expect(typed.length).toBeGreaterThan(10);
    expect(bare.length).toBeGreaterThan(10);
  });

  it.each(bare.map(({ place, words }) => [place, words.join(" "), words] as const))(
    "%s: %s is one of sandboxed-run",
    (_, __, words) => {
      expect(unknownIn(words, runOptions)).toEqual([]);
    },
  );

  it.each(typed.map(({ place, words }) => [place, words.join(" "), words] as const))(
    "%s: %s has a command and options that exist",
    async (_, __, [tool, ...words]) => {
      if (tool === "sandboxed-run") return expect(unknownIn(words, runOptions)).toEqual([]);
      if (words.length === 0 || /^\W/.test(words[0] ?? "")) return;
      const entry = commandList.find(({ name }) => name === words.slice(0, name.split(" ").length).join(" "));
      expect(words[0] === "run" || entry !== undefined).toBe(true);
      const options = entry === undefined ? runOptions : (await entry.load()).options;
      expect(unknownIn(words, options)).toEqual([]);
    },
  );

  it("that does not exist is found", () => {
    expect(unknownIn(["--tiemout", "10m"], runOptions)).toEqual(["--tiemout"]);
    expect(unknownIn(["-Z", "--timeout=10m"], runOptions)).toEqual(["-Z"]);
    expect(unknownIn(["--", "npm", "--silent"], runOptions)).toEqual([]);
  });
});

/** Options up to `--` and before a comment that the table does not have. */
function unknownIn(words: readonly string[], table: readonly Option[]): readonly string[] {
  const end = words.findIndex((word) => word === "--" || word === "#");
  return words
    .slice(0, end < 0 ? words.length : end)
    .filter((word) => /^--?[a-zA-Z]/.test(word))
    .map((word) => word.replace(/=.*$/, ""))
    .filter((word) => !table.some(({ long, short }) => word === `--${long}` || word === `-${short}`));
}
