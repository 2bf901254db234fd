import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  absolutePath,
  components,
  formatDuration,
  formatSize,
  isWithin,
  joinPath,
  nearest,
  normalise,
  parentPath,
  parseDuration,
  parseSize,
} from "../../src/policy/index.ts";

describe("a path", () => {
  it.each([
    ["/", "/"],
    ["//a///b/", "/a/b"],
    ["/a/./b/.", "/a/b"],
    ["/a/../../b", "/b"],
    ["/..", "/"],
    ["/a/..b/...", "/a/..b/..."],
    ["/a b/ü", "/a b/ü"],
  ])("%j is %j", (text, expected) => {
    expect(absolutePath(text)).toBe(expected);
  });

  it.each(["", "a", "./a", "~/a", "a/../../b", "/a\0", "/a\nb", "/a\rb", "C:\\x"])("%j is refused", (text) => {
    expect(() => absolutePath(text)).toThrow(expect.objectContaining({ code: "policy_invalid" }));
  });

  it("with a line break exists on disks, and is only refused where somebody writes one", () => {
    expect(normalise("/a\nb/")).toBe("/a\nb");
    expect(normalise("/a\0b")).toBeNull();
  });

  it("comes apart and together again", () => {
    expect(components(absolutePath("/"))).toEqual([]);
    expect(components(absolutePath("/a/b"))).toEqual(["a", "b"]);
    expect([parentPath(absolutePath("/a/b")), parentPath(absolutePath("/a")), parentPath(absolutePath("/"))]).toEqual([
      "/a",
      "/",
      "/",
    ]);
    expect([joinPath(absolutePath("/"), "x"), joinPath(absolutePath("/a"), "../x")]).toEqual(["/x", "/x"]);
  });

  it.each([
    ["/work", "/work", true],
    ["/work/x", "/work", true],
    ["/work-evil", "/work", false],
    ["/work-evil/x", "/work", false],
    ["/wor", "/work", false],
    ["/anything", "/", true],
    ["/", "/a", false],
  ])("%s within %s: %s", (path, root, expected) => {
    expect(isWithin(absolutePath(path), absolutePath(root))).toBe(expected);
  });
});

describe("the nearest word", () => {
  it.each([
    [":worksapce_roots", ":workspace_roots"],
    [":Isolated", ":isolated"],
    [":isolatd", ":isolated"],
    ["zzz", null],
    [":something_else_entirely", null],
    ["x".repeat(10_000), null],
  ])("to %j is %j", (word, expected) => {
    expect(nearest(word.slice(0, 10_000), [":workspace_roots", ":isolated", ":read-only"])).toBe(expected);
  });
});

describe("quantities", () => {
  it.each([
    ["250ms", 250],
    ["90s", 90_000],
    ["1.5h", 5_400_000],
    ["1h30m", 5_400_000],
    ["2d", 172_800_000],
    [30, 30_000],
  ])("%j is %i ms", (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  it.each(["", "10", "10x", "m", "-5s", "1e3s", "5s extra", "0s", "Infinity", "9".repeat(30)])(
    "%j is no duration",
    (text) => {
      expect(() => parseDuration(text)).toThrow(/is not a duration/);
    },
  );

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 0])("%d is neither duration nor size", (value) => {
    expect(() => parseDuration(value)).toThrow(/is not a duration/);
    expect(() => parseSize(value)).toThrow(/is not a size/);
  });

  it.each(["", "GiB", "2 gigs", "-1GiB", "0x10", "1e9", "2GIB"])("%j is no size", (text) => {
    expect(() => parseSize(text)).toThrow(/is not a size/);
  });

  it("are read back as they are shown", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 45 }), (value) => {
        expect(parseDuration(formatDuration(value))).toBe(value);
        expect(parseSize(formatSize(value))).toBe(value);
      }),
      { numRuns: 300 },
    );
    expect([formatSize(2 * 1024 ** 3), formatSize(1000), formatDuration(600_000), formatDuration(1500)]).toEqual([
      "2GiB",
      "1000B",
      "10m",
      "1500ms",
    ]);
  });
});
