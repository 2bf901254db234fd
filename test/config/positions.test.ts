import * as fc from "fast-check";
import { parse, stringify } from "smol-toml";
import { describe, expect, it } from "vitest";
import { locate, readDottedKey } from "../../src/config/positions.ts";

type Step = string | number;

/** Every key and array element of a parsed document, as paths. */
function* paths(value: unknown, path: readonly Step[] = []): Generator<readonly Step[]> {
  if (typeof value !== "object" || value === null || value instanceof Date) return;
  for (const [key, member] of Object.entries(value)) {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    yield here;
    yield* paths(member, here);
  }
}

function textAt(text: string, path: readonly Step[]): string {
  const position = locate(text, path);
  if (position === null) throw new Error(`${path.join(".")} was not found`);
  return text
    .split("\n")
    .slice(position.line - 1)
    .join("\n")
    .slice(position.column - 1);
}

describe("where a key stands", () => {
  const text = [
    "# a comment with = and [brackets]", //
    'default_permissions = "ci"',
    "[permissions.ci]",
    '  extends = ":isolated"',
    "[permissions.ci.filesystem]",
    '"/data" = "read"',
    '":workspace_roots" = { "." = "write", docs = "read", "**/.env" = "deny" }',
    'note = """',
    'fake = "no key"',
    '[not.a.table] \\""""""',
    "raw = '''it's = \\'''",
    "list = [",
    "  [1, 2], # one = 1",
    '  { a.b = "x" },',
    "]",
    "a . 'b c'.\"d\\u0065\" = 1",
    "[[rules]]",
    "name = 1",
    "[[rules]]",
    "name = 2",
    "[rules.sub]",
    "deep = 2026-01-02 03:04:05Z # gone",
  ].join("\n");

  it.each<[readonly Step[], number, number]>([
    [["default_permissions"], 2, 1],
    [["permissions"], 3, 2],
    [["permissions", "ci"], 3, 14],
    [["permissions", "ci", "extends"], 4, 3],
    [["permissions", "ci", "filesystem"], 5, 17],
    [["permissions", "ci", "filesystem", "/data"], 6, 1],
    [["permissions", "ci", "filesystem", ":workspace_roots"], 7, 1],
    [["permissions", "ci", "filesystem", ":workspace_roots", "**/.env"], 7, 54],
    [["permissions", "ci", "filesystem", "raw"], 11, 1],
    [["permissions", "ci", "filesystem", "list", 0, 1], 13, 7],
    [["permissions", "ci", "filesystem", "list", 1, "a", "b"], 14, 7],
    [["permissions", "ci", "filesystem", "a", "b c", "de"], 16, 11],
    [["rules", 0, "name"], 18, 1],
    [["rules", 1, "name"], 20, 1],
    [["rules", 1, "sub", "deep"], 22, 1],
    [["permissions", "ci", "absent", "key"], 3, 14],
  ])("%j is at %i:%i", (path, line, column) => {
    parse(text);
    expect(locate(text, path)).toEqual({ line, column });
  });

  it("says nothing about a key of which no part is written", () => {
    expect(locate(text, ["fake"])).toBeNull();
  });
});

describe("a dotted key", () => {
  it.each<[string, readonly string[] | null, string]>([
    ["a.b = 1", ["a", "b"], "= 1"],
    ['permissions."my ci".x=1', ["permissions", "my ci", "x"], "=1"],
    ["'a=b'=1", ["a=b"], "=1"],
    ["=1", null, ""],
    ["a..b=1", null, ""],
  ])("%s", (text, path, rest) => {
    expect(readDottedKey(text)).toEqual(path === null ? null : { path, rest });
  });
});

describe("against the TOML parser", () => {
  const name = fc.oneof(
    fc.constantFrom("a", "b", "key-1", "a.b", "", "x y", '"', "'", "[z]", "a=b", "#", "é", "\\", "\n"),
    fc.string({ maxLength: 4 }).filter((key) => !/[\ud800-\udfff]/u.test(key) && key !== "__proto__"),
  );
  const scalar = fc.oneof(
    fc.integer(),
    fc.boolean(),
    fc.constantFrom("text", 'with "quotes"', "= [x] # y", "line\nbreak", "'''", '"""', "}", "]", ""),
  );
  const tree: fc.Memo<unknown> = fc.memo((depth) =>
    depth <= 1
      ? scalar
      : fc.oneof(
          scalar,
          fc.array(tree(), { maxLength: 3 }),
          fc.dictionary(name, tree(), { maxKeys: 4, noNullPrototype: true }),
        ),
  );
  const table = fc.dictionary(name, tree(4), { maxKeys: 5, noNullPrototype: true });

  /** The same document with other spellings: literal strings, inline tables over lines, comments, CRLF. */
  const print = (value: unknown, style: number): string => {
    if (Array.isArray(value))
      return `[ ${value.map((member) => print(member, style)).join(style % 2 === 0 ? " , " : ",\n # ] note\n")} ]`;
    if (typeof value === "object" && value !== null)
      return `{ ${Object.entries(value)
        .map(([key, member]) => `${JSON.stringify(key)} = ${print(member, style)}`)
        .join(" , ")} }`;
    if (typeof value === "string") {
      if (style % 3 === 0 && !/'''|'$/.test(value)) return `'''\n${value}'''`;
      if (style % 3 === 1)
        return `"""${value.replaceAll("\\", "\\\\").replaceAll('"""', '""\\"').replace(/"$/, '\\"')}"""`;
    }
    return JSON.stringify(value);
  };

  it("finds every key and element of random documents, each at its own spelling", () => {
    const style = fc.nat({ max: 11 });
    fc.assert(
      fc.property(table, style, (value, choice) => {
        const lines = Object.entries(value).map(([key, member]) => `${JSON.stringify(key)} = ${print(member, choice)}`);
        const printed = choice < 6 ? stringify(value) : lines.join(choice % 2 === 0 ? "\n" : " # [note]\r\n");
        const parsed = parse(printed);
        const seen = new Set<string>();
        for (const path of paths(parsed)) {
          const rest = textAt(printed, path);
          const last = path.at(-1);
          if (typeof last === "string") expect(readDottedKey(rest)?.path[0]).toBe(last);
          // The first table of an array of tables stands where the array does: at its header.
          if (typeof last === "number") continue;
          const position = JSON.stringify(locate(printed, path));
          expect(seen.has(position)).toBe(false);
          seen.add(position);
        }
      }),
      { numRuns: 400 },
    );
  });
});
