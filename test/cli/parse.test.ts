import { describe, expect, it } from "vitest";
import { allValues, lastValue, parseOptions } from "../../src/cli/parse.ts";
import { runOptions } from "../../src/cli/run-options.ts";
import type { RunOption } from "../../src/cli/run-options.ts";
import { SandboxedError } from "../../src/policy/index.ts";

function parse(words: readonly string[], until: "first" | "anywhere" = "first") {
  return parseOptions<RunOption>(words, runOptions, until);
}

function complaint(words: readonly string[]): string {
  try {
    parse(words);
  } catch (error) {
    if (error instanceof SandboxedError && error.code === "usage") return `${error.message}\n${error.hint}`;
    throw error;
  }
  throw new Error("nothing was wrong");
}

describe("options of a run", () => {
  it.each<[line: string, given: Readonly<Partial<Record<RunOption, readonly string[]>>>, rest: readonly string[]]>([
    ["script.py", {}, ["script.py"]],
    ["script.py -v --read x", {}, ["script.py", "-v", "--read", "x"]],
    ["-- script.py", {}, ["script.py"]],
    ["-q -- -v", { quiet: [""] }, ["-v"]],
    ["-q prog -- -v", { quiet: [""] }, ["prog", "--", "-v"]],
    ["-r a --read b --read=c -rd prog", { read: ["a", "b", "c", "d"] }, ["prog"]],
    ["-qv prog", { quiet: [""], verbose: [""] }, ["prog"]],
    ["-qr a prog", { quiet: [""], read: ["a"] }, ["prog"]],
    ["-qra prog", { quiet: [""], read: ["a"] }, ["prog"]],
    ["-P :workspace prog", { permissions: [":workspace"] }, ["prog"]],
    ["--permissions=:read-only prog", { permissions: [":read-only"] }, ["prog"]],
    ["-e A=b=c -eB prog", { env: ["A=b=c", "B"] }, ["prog"]],
    ["--env=A=b prog", { env: ["A=b"] }, ["prog"]],
    ["-c a.b=1 -c c=2 prog", { override: ["a.b=1", "c=2"] }, ["prog"]],
    ["--read=-odd prog", { read: ["-odd"] }, ["prog"]],
    ["-r - prog", { read: ["-"] }, ["prog"]],
    ["--read= prog", { read: [""] }, ["prog"]],
    ["- a", {}, ["-", "a"]],
    ["--network off --tty never --backend bwrap x", { network: ["off"], tty: ["never"], backend: ["bwrap"] }, ["x"]],
    ["--enable a --disable a --enable b x", { enable: ["a", "b"], disable: ["a"] }, ["x"]],
    [
      "--dry-run --ephemeral --json --report f x",
      { "dry-run": [""], ephemeral: [""], json: [""], report: ["f"] },
      ["x"],
    ],
    ["", {}, []],
  ])("%s", (line, given, rest) => {
    const parsed = parse(line.split(" ").filter((word) => word !== ""));
    for (const { id } of runOptions) expect(allValues(parsed, id)).toEqual(given[id] ?? []);
    expect(parsed.rest).toEqual(rest);
  });

  it("the last one counts where one can hold", () => {
    expect(lastValue(parse(["-P", "a", "-P", "b", "x"]), "permissions")).toBe("b");
    expect(lastValue(parse(["x"]), "permissions")).toBeNull();
  });

  it("an empty word is the program's name, not the end", () => {
    expect(parse(["-q", "", "x"]).rest).toEqual(["", "x"]);
  });

  it.each<[line: string, says: readonly string[]]>([
    ["--raed x", ["unknown option --raed", '"--read"']],
    ["--raed=x", ["unknown option --raed", '"--read"']],
    ["-x prog", ["unknown option -x"]],
    ["-qx prog", ["unknown option -x"]],
    ["-help", ["one dash too few", "--help"]],
    ["-read x y", ["one dash too few", "--read"]],
    ["-network=off y", ["one dash too few", "--network=off"]],
    ["--read", ["-r/--read needs PATH", "-r ~/data"]],
    ["-c", ["-c needs KEY=VALUE"]],
    ["--read --write x", ["-r/--read needs PATH", "--write", "--read=--write"]],
    ["-c -q x", ["-c needs KEY=VALUE", "-c-q"]],
    ["--json=yes x", ["--json takes no value"]],
    ["-r=x y", ["-r takes its value without =", "--read=x"]],
    ["-c=a=b y", ["-c a=b"]],
    ["--network on x", ['--network cannot be "on"', "off, restricted, full"]],
    ["--network of x", ['did you mean "off"?']],
    ["--tty maybe x", ["auto, always, never"]],
    ["--backend bwarp x", ['did you mean "bwrap"?']],
    ["--grants tools x", ["unknown option --grants", "--grant"]],
    ["--Read x", ["unknown option --Read", '"--read"']],
    ["--re x", ["unknown option --re"]],
    ["--\u001b[31m x", ["unknown option --\\x1b[31m"]],
  ])("%s is wrong", (line, says) => {
    const text = complaint(line.split(" "));
    for (const words of says) expect(text).toContain(words);
  });

  it("no two options share a spelling", () => {
    const spellings = runOptions.flatMap(({ long, short }) => [
      long === null ? null : `--${long}`,
      short === null ? null : `-${short}`,
    ]);
    const given = spellings.filter((spelling) => spelling !== null);
    expect(new Set(given).size).toBe(given.length);
  });

  it("every example is taken by the table it stands in", () => {
    for (const { id, example } of runOptions) {
      expect(lastValue(parse([...example.replaceAll("'", "").split(" "), "prog"]), id)).not.toBeNull();
    }
  });
});

describe("options anywhere", () => {
  it("stand between words until --", () => {
    const parsed = parse(["read", "-P", "x", "path", "--json", "--", "--help"], "anywhere");
    expect(parsed.rest).toEqual(["read", "path", "--help"]);
    expect(lastValue(parsed, "permissions")).toBe("x");
    expect(lastValue(parsed, "json")).toBe("");
    expect(lastValue(parsed, "help")).toBeNull();
  });
});
