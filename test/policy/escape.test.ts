import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeText } from "../../src/policy/words/escape.ts";

describe("text shown to a person", () => {
  it.each([
    ["plain words stay", "/data/häuser/日本", "/data/häuser/日本"],
    ["a Windows path stays", "C:\\data\\log", "C:\\data\\log"],
    ["newline", "a\nb", "a\\nb"],
    ["terminal colour", "\u001b[31mred", "\\x1b[31mred"],
    ["C1 control", "\u009b31m", "\\x9b31m"],
    ["right-to-left override", "exe.\u202etxt", "exe.\\u{202e}txt"],
    ["zero-width joiner", "a\u200db", "a\\u{200d}b"],
    ["invisible tag", "a\u{e0041}", "a\\u{e0041}"],
    ["lone surrogate", "a\ud800b", "a\\u{d800}b"],
    ["NUL", "a\0b", "a\\x00b"],
    ["what looks like an escape", "a\\nb", "a\\\\nb"],
  ])("%s", (_, text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  it("never looks the same for two texts, and never holds a control character", () => {
    const letter = fc.constantFrom("a", "\\", "n", "\n", "\u001b", "x", "1", "b", "\u202e");
    const text = fc.array(letter, { maxLength: 6 }).map((letters) => letters.join(""));
    fc.assert(
      fc.property(text, text, (one, other) => {
        if (one !== other) expect(escapeText(one)).not.toBe(escapeText(other));
        expect(escapeText(one)).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      }),
      { numRuns: 500 },
    );
  });
});
