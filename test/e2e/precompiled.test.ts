import { execFileSync, spawnSync } from "node:child_process";
import type { SpawnSyncOptions } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";

// Where everybody may look, and no program may write.
const place = mkdtempSync("/var/tmp/sandboxed-precompiled-");
chmodSync(place, 0o755);
cpSync(process.env["SANDBOXED_TEST_TOOL"] ?? "", place, { recursive: true });
afterAll(() => rmSync(place, { recursive: true }));

const cache = join(place, "dist/bin/run.cache");
const code = join(place, "dist/bin/run.cjs");
const made = existsSync(cache) ? readFileSync(cache) : null;
const text = readFileSync(code, "utf8");

const telling = join(place, "tell.cjs");
writeFileSync(
  telling,
  `const vm = require("node:vm");
vm.Script = class extends vm.Script {
  constructor(...words) {
    super(...words);
    console.log("rejected:", this.cachedDataRejected);
    const { cachedData } = words[1];
    if (!process.env.TELL_GROWTH) return;
    process.on("exit", () => console.log("grown:", this.createCachedData().length / cachedData.length));
  }
};`,
);

function start(options: readonly string[] = [], where: SpawnSyncOptions = { cwd: "/" }): readonly string[] {
  const words = [...options, "--require", telling, join(place, "dist/bin/sandboxed-run.cjs"), "--", "echo", "ran"];
  return spawnSync(process.execPath, words, { ...where, encoding: "utf8" })
    .stdout.trim()
    .split("\n");
}

describe("what was compiled when the tool was built", () => {
  it("is there, and taken", () => {
    expect(made?.length).toBeGreaterThan(50_000);
    expect(start()).toEqual(["rejected: false", "ran"]);
  });

  it("is all that a start needs which was decided before", () => {
    const cwd = mkdtempSync("/var/tmp/sandboxed-precompiled-work-");
    try {
      execFileSync("git", ["init", "--quiet", cwd]);
      const told = [1, 2, 3].map(() => start([], { cwd, env: { ...process.env, TELL_GROWTH: "yes" } }));
      // By what is compiled on the way: a hundredth where the host changes meanwhile, an eighth where another kind of start made it.
      expect(Number(told[2]?.[2]?.replace("grown: ", ""))).toBeLessThan(1.05);
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });

  it.each([
    ["is not there", () => rmSync(cache), [], "undefined"],
    ["is damaged", () => writeFileSync(cache, "no code at all"), [], "true"],
    ["is of another text", () => writeFileSync(code, `console.log("marked");\n${text}`), [], "true"],
    ["is of another V8", () => undefined, ["--no-opt"], "true"],
  ])("is done again where it %s", (_, spoil, options, rejected) => {
    try {
      spoil();
      const said = start(options);
      expect([said[0], said.at(-1)]).toEqual([`rejected: ${rejected}`, "ran"]);
      expect(said.includes("marked")).toBe(readFileSync(code, "utf8") !== text);
    } finally {
      writeFileSync(cache, made ?? "");
      writeFileSync(code, text);
    }
  });
});
