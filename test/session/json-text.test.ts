import { assert, constantFrom, jsonValue, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJsonText } from "../../src/session/index.ts";

describe("JSON texts", () => {
  it("mean what JSON.parse says, for every value without a member twice", () => {
    assert(
      property(jsonValue({ maxDepth: 6 }), constantFrom(0, 2), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(parseJsonText(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['{"a":1,"a":2}', "twice"],
    ['{"a":1,"\\u0061":2}', "twice"],
    ['{"a" :1, "a"\n:2}', "twice"],
    ['[{"x":{"b":1,"b":1}}]', "twice"],
    ["[".repeat(100_000), "nested deeper"],
    ['{"a":'.repeat(65) + "1" + "}".repeat(65), "nested deeper"],
    ["{", "not JSON"],
    ['"abc', "not JSON"],
    ["", "not JSON"],
  ])("%.40s: %s", (text, says) => {
    expect(() => parseJsonText(text)).toThrow(says);
  });

  it("the same name in different objects is no member twice, nor is a value like a name", () => {
    expect(parseJsonText('{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":"a"}')).toMatchObject({ c: "a" });
  });
});
