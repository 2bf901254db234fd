import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brief, find } from "./scene.ts";

const size = 100_000;
/** Milliseconds, some ten times what it takes; what grows with the square of the size takes a thousand times as long. */
const LONGEST = 500;
const phrases = ["Permission denied", "No such file or directory", "Could not resolve host: ", "connect ECONNREFUSED "];

/** Material to repeat: what patterns with nested or trailing repetition choke on. */
const pieces = [
  "'",
  '"',
  "`",
  "‘",
  "(",
  "((((: ",
  ": ",
  ":",
  ".",
  "./",
  "/",
  "a/",
  "\\",
  "\\x41",
  "\u001b",
  "\u001b[",
  "\u001b]",
  "\u001b]8;;",
  "\u009b1;",
  "\r",
  "\n",
  " ",
  "a: ",
  "-> ",
  "://",
  "http://",
  "@",
  "é",
  "\u0130",
  "{",
  "spawn ",
  "lookup ",
  "host='",
  "1.",
  "a.",
  "0:",
  "keyerror: '",
  ": not found",
  ...phrases,
];

function elapsed(text: string): number {
  const start = performance.now();
  find(text);
  return performance.now() - start;
}

/** The best of a few: another program on the machine is no fault of the text. */
function quickest(text: string): number {
  let best = elapsed(text);
  for (let turn = 0; turn < 4 && best >= LONGEST; turn += 1) best = Math.min(best, elapsed(text));
  return best;
}

describe("hostile output", () => {
  it.each(pieces)("100 KB of %j are read in linear time", (piece) => {
    const repeated = piece.repeat(Math.ceil(size / piece.length)).slice(0, size);
    expect(quickest(repeated)).toBeLessThan(LONGEST);
    for (const phrase of phrases) {
      const line = piece.repeat(Math.ceil(2000 / piece.length));
      expect(quickest(`${line}${phrase}${line}\n`.repeat(size / (4000 + phrase.length)))).toBeLessThan(LONGEST);
      expect(quickest(`${piece}${phrase}\n`.repeat(size / (piece.length + phrase.length + 1)))).toBeLessThan(LONGEST);
    }
  });

  it("never throws, never gives more than twenty, never gives evidence that acts on a terminal", () => {
    const piece = fc.oneof(
      fc.constantFrom(...pieces, "/srv/data/x", "'/srv/data/x'", "cat: "),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
        const found = find(parts.join(""));
        return found.length <= 20 && found.every(({ evidence }) => evidence.length <= 200 && !/\p{Cc}/u.test(evidence));
      }),
      { numRuns: 500 },
    );
  });

  it("asks about a bounded number of paths, however many are named", () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `cat: /nowhere/${index}: Permission denied`);
    expect(brief(lines.join("\n")).length).toBeLessThanOrEqual(20);
    let looks = 0;
    const allowed = Array.from({ length: 5000 }, (_, index) => `cat: allowed-${index}: No such file or directory`).join(
      "\n",
    );
    find(allowed, {
      decide: () => (
        (looks += 1),
        { effect: "allow", reason: "granted", rule: null, provenance: null, where: "host", suggestion: null }
      ),
      materialise: () => [],
      suggest: () => ({ argv: [], config: "" }),
      reach: () => {
        throw new Error("no host was named");
      },
    });
    expect(looks).toBeLessThanOrEqual(2000);
  });
});
