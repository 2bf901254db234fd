import { appendFileSync, chmodSync, existsSync, mkdirSync, symlinkSync, utimesSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { handOff, scanRoots } from "../../../src/sandbox/protection/index.ts";
import { git, openStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

let stage: Stage;
beforeEach(() => void (stage = openStage()));
afterEach(() => stage.close());

const listed = (since: number) =>
  handOff([stage.ws], since, scanRoots([stage.ws])).map(({ path, change }) => [
    path.slice(stage.ws.length + 1),
    change,
  ]);

/** Later than everything before, also for a kernel clock that ticks slowly. */
async function now(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, 50));
  return Date.now();
}

describe("hand-off list", () => {
  it("names what was made and changed, with its category, and nothing older or harmless", async () => {
    stage.write("Makefile");
    stage.write("package.json");
    stage.write("a/old/Makefile");
    const since = await now();
    appendFileSync(stage.path("package.json"), " ");
    stage.write("b/conftest.py");
    stage.write(".github/workflows/ci.yml");
    stage.write("notes.txt");
    expect(listed(since).toSorted(([one], [other]) => String(one).localeCompare(String(other)))).toEqual([
      [".github/workflows/ci.yml", "made"],
      ["b/conftest.py", "made"],
      ["package.json", "changed"],
    ]);
    const [first] = handOff([stage.ws], since, scanRoots([stage.ws]));
    expect(first?.category).toBeTruthy();
  });

  it("is not deceived by times that were set back", async () => {
    stage.write("Makefile");
    const since = await now();
    appendFileSync(stage.path("Makefile"), "evil:\n");
    utimesSync(stage.path("Makefile"), 1, 1);
    expect(listed(since)).toEqual([["Makefile", "changed"]]);
  });

  it("lists a symlink and does not walk through one", async () => {
    const since = await now();
    symlinkSync("/etc/hostname", stage.path("Makefile"));
    symlinkSync(stage.outside, stage.path("out"));
    mkdirSync(`${stage.outside}/x`);
    stage.write("../outside/x/Makefile");
    expect(existsSync(stage.path("out/x/Makefile"))).toBe(true);
    expect(listed(since)).toEqual([["Makefile", "made"]]);
  });

  it("is not buried by git's own files, but sees a directory that only borrows their name", async () => {
    const since = await now();
    stage.repository();
    stage.write("objects/Makefile");
    git(stage.ws, "add", ".");
    git(stage.ws, "commit", "-q", "-m", "second");
    const names = listed(since).map(([path]) => path);
    expect(names).toContain("objects/Makefile");
    expect(names.some((path) => path?.startsWith(".git/objects"))).toBe(false);
  });

  it("passes over what it cannot read", async () => {
    const since = await now();
    stage.write("closed/Makefile");
    chmodSync(stage.path("closed"), 0o000);
    expect(() => listed(since)).not.toThrow();
  });
});
