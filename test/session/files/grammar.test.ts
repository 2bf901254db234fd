import { array, assert, boolean, constantFrom, oneof, pre, property, string, tuple } from "fast-check";
import { describe, expect, it } from "vitest";
import { applyHunks } from "../../../src/session/files/patch/place.ts";
import { parsePatch } from "../../../src/session/files/patch/parse.ts";
import { diffOf } from "../../../src/session/files/patch/summary.ts";
import { SessionError } from "../../../src/session/index.ts";

const line = oneof(
  constantFrom("", " ", "a", "b", "  a", "@@", "*** End Patch", "--- a", "+++ b", "-", "+", "\\", "x\r"),
  string({ maxLength: 6, unit: "binary" }).filter((text) => !/[\n\0]/.test(text)),
);
const text = tuple(array(line, { maxLength: 12 }), boolean()).map(([lines, ends]) =>
  lines.length === 0 ? "" : lines.join("\n") + (ends ? "\n" : ""),
);

/** The text in the lines of a `*** Begin Patch` patch: all old ones go, all new ones come. */
const replaced = (old: string, now: string): string =>
  [
    "*** Begin Patch",
    "*** Update File: f",
    "@@",
    ...old
      .split("\n")
      .slice(0, -1)
      .map((one) => `-${one}`),
    ...now
      .split("\n")
      .slice(0, -1)
      .map((one) => `+${one}`),
    "*** End Patch",
  ].join("\n");

const wellFormed = (value: string): boolean => Buffer.from(value).toString() === value;

describe("a patch", () => {
  it("made from two texts turns the one into the other, as a diff", () =>
    assert(
      property(text.filter(wellFormed), text.filter(wellFormed), (old, now) => {
        pre(old !== now && old !== "" && now !== "");
        const { diff } = diffOf({ path: "f", from: null, before: Buffer.from(old), after: Buffer.from(now) });
        const [file] = parsePatch(diff, "f");
        expect(applyHunks(old, file?.hunks ?? [], "f")).toBe(now);
      }),
      { numRuns: 300 },
    ));

  it("and in the form of agents, where lines end with a line break", () =>
    assert(
      property(text, text, (old, now) => {
        const [from, to] = [
          `${old}${old.endsWith("\n") || old === "" ? "" : "\n"}`,
          `${now}${now.endsWith("\n") || now === "" ? "" : "\n"}`,
        ];
        pre(from !== to && from !== "" && !/\r/.test(from + to));
        const [file] = parsePatch(replaced(from, to));
        expect(applyHunks(from, file?.hunks ?? [], "f")).toBe(to);
      }),
      { numRuns: 300 },
    ));

  const piece = oneof(
    constantFrom(
      "*** Begin Patch",
      "*** End Patch",
      "*** Add File: ",
      "*** Add File: a",
      "*** Update File: b",
      "*** Delete File: c",
      "*** Move to: d",
      "*** End of File",
      "@@",
      "@@ x",
      "@@ -1,2 +1,2 @@",
      "@@ -0,0 +1 @@",
      "--- a/f",
      "+++ b/f",
      "--- /dev/null",
      "diff --git a/f b/f",
      "new file mode 100644",
      "rename from f",
      'rename to "g\\t"',
      "\\ No newline at end of file",
      "<<'EOF'",
      "EOF",
    ),
    line,
  );

  it("is read or refused, whatever it is", () => {
    let read = 0;
    assert(
      property(array(piece, { maxLength: 14 }), boolean(), (pieces, framed) => {
        const whole = (framed ? ["*** Begin Patch", ...pieces, "*** End Patch"] : pieces).join("\n");
        try {
          const files = parsePatch(whole);
          read += 1;
          for (const file of files) {
            expect(file.path).not.toBe("");
            if (file.hunks.length > 0) attempt(() => applyHunks("a\nb\nx\n", file.hunks, file.path));
          }
        } catch (error) {
          if (!(error instanceof SessionError)) throw error;
        }
      }),
      { numRuns: 300, examples: [[["*** Delete File: c"], true]] },
    );
    expect(read).toBeGreaterThan(0);
  });

  it("of lines that are all alike is placed in bounded time", () => {
    const file = "a\n".repeat(200_000);
    const lines = [
      "*** Begin Patch",
      "*** Update File: f",
      ...Array<string>(100_000).fill("-a"),
      "-b",
      "*** End Patch",
    ];
    const [patch] = parsePatch(lines.join("\n"));
    const begin = performance.now();
    expect(attempt(() => applyHunks(file, patch?.hunks ?? [], "f"))).toBe("too_large");
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});

function attempt(act: () => unknown): string {
  try {
    act();
    return "done";
  } catch (error) {
    if (error instanceof SessionError) return error.code;
    throw error;
  }
}
