import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { absolutePath } from "../../../src/policy/index.ts";
import { globBounds, globFiles } from "../../../src/session/files/glob.ts";
import type { GlobBounds } from "../../../src/session/files/glob.ts";
import { SessionError } from "../../../src/session/index.ts";
import { authorityOver, openStage } from "./stage.ts";

const stage = openStage();
beforeAll(() => {
  const { ws, outside, put } = stage;
  for (const path of ["a.ts", "src/b.ts", "src/c.js", "src/deep/d.ts", "src/deep/.hidden.ts", "src/[x].ts"]) put(path);
  for (const path of ["node_modules/m/i.ts", "odd/new\nline", "e/e/e/e.ts"]) put(path);
  put(`${outside}/o.ts`);
  symlinkSync("src", join(ws, "linked"));
  symlinkSync("src/b.ts", join(ws, "link.ts"));
  symlinkSync(outside, join(ws, "src/away"));
  symlinkSync(join(outside, "o.ts"), join(ws, "out.ts"));
  symlinkSync("..", join(ws, "src/up"));
  mkdirSync(join(ws, "directory.ts"));
});
afterAll(() => stage.close());

const glob = (pattern: string, bounds: Partial<GlobBounds> = {}): Promise<readonly string[]> =>
  globFiles(authorityOver(), stage.root, pattern, { bounds: { ...globBounds, ...bounds } });

const refusal = async (found: Promise<unknown>): Promise<string> =>
  found.then(
    () => "done",
    (error: unknown) => (error instanceof SessionError ? error.code : String(error)),
  );

describe("finds", () => {
  it.each([
    ["*.ts", ["a.ts", "link.ts"]],
    ["src/*.{ts,js}", ["src/[x].ts", "src/b.ts", "src/c.js"]],
    ["src/**/*.ts", ["src/[x].ts", "src/b.ts", "src/deep/.hidden.ts", "src/deep/d.ts"]],
    ["**/[a-d].ts", ["a.ts", "src/b.ts", "src/deep/d.ts"]],
    ["./src//deep/d.ts", ["src/deep/d.ts"]],
    ["src/\\[x\\].ts", ["src/[x].ts"]],
    ["odd/*", ["odd/new\nline"]],
    ["e/**", ["e/e/e/e.ts"]],
    ["**/e/e.ts", ["e/e/e/e.ts"]],
    ["linked/*", []],
    ["src/away/*", []],
    ["nothing/*", []],
    ["src/b.ts/*", []],
  ])("%s", async (pattern, files) => expect(await glob(pattern)).toEqual(files));

  it("only what may be read, and what the capability covers", async () => {
    const closed = authorityOver((query) => "path" in query && query.path.includes("/deep"));
    expect(await globFiles(closed, stage.root, "src/**/*.ts")).toEqual(["src/[x].ts", "src/b.ts"]);
    const scoped = authorityOver(() => false, absolutePath(join(stage.ws, "src/deep")));
    expect(await globFiles(scoped, stage.root, "**/*.ts")).toEqual(["src/deep/.hidden.ts", "src/deep/d.ts"]);
  });
});

describe("is bounded, and says so instead of giving a part", () => {
  it.each([
    ["entries", { entries: 5 }],
    ["depth", { depth: 2 }],
    ["results", { results: 2 }],
  ])("%s", async (_, bounds) => expect(await refusal(glob("**/*.ts", bounds))).toBe("too_large"));

  it("time", async () => {
    for (let index = 0; index < 300; index++) stage.put(`many/${index}`);
    expect(await refusal(glob("many/*", { milliseconds: 0 }))).toBe("too_large");
    expect(await glob("many/*")).toHaveLength(300);
  });

  it.each(["../*", "src/../../*", "[", "{a,b", "a\0b", "!src/*", "x".repeat(2000)])(
    "%j is no pattern",
    async (pattern) => expect(await refusal(glob(pattern))).toBe("invalid_params"),
  );

  it("stops when its caller is gone", async () => {
    for (let index = 0; index < 1500; index++) stage.put(`more/${index}`);
    const gone = AbortSignal.abort(new SessionError("cancelled", "gone"));
    const found = globFiles(authorityOver(), stage.root, "more/*", { signal: gone });
    expect(await refusal(found)).toBe("cancelled");
  });
});

it("leaves no descriptor open", async () => {
  const before = readdirSync("/proc/self/fd").length;
  await glob("**/*");
  await refusal(glob("**/*", { entries: 7 }));
  expect(readdirSync("/proc/self/fd").length).toBe(before);
});
