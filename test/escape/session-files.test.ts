import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Authority } from "../../src/session/files/authority.ts";
import { globFiles } from "../../src/session/files/glob.ts";
import { SessionError } from "../../src/session/index.ts";
import { authorityOver, openStage } from "../session/files/stage.ts";
import type { Stage } from "../session/files/stage.ts";

/** How long each attack is kept up, in milliseconds. */
const ENOUGH = 1500;

/** Has a real thing and a symlink out take turns under one name, as fast as it can. */
const FLIPPER = `
const { renameSync, symlinkSync } = require("node:fs");
const [name, target] = process.argv.slice(2);
symlinkSync(target, name + ".link");
process.send("ready");
process.once("disconnect", () => process.exit());
(function turn() {
  for (let round = 0; round < 500; round++) {
    renameSync(name, name + ".real");
    renameSync(name + ".link", name);
    renameSync(name, name + ".link");
    renameSync(name + ".real", name);
  }
  setImmediate(turn);
})();
`;

let stage: Stage;
let flipper: ChildProcess | null = null;
beforeEach(() => {
  stage = openStage();
  stage.put("d/f", "inside");
  stage.put("file", "inside");
  stage.put(join(stage.outside, "f"), "secret");
  stage.put(join(stage.outside, "only-outside"), "secret");
});
afterEach(async () => {
  if (flipper?.exitCode === null) {
    flipper.disconnect();
    await once(flipper, "exit");
  }
  stage.close();
});

async function flip(name: string, target: string): Promise<void> {
  const script = join(stage.outside, "../flipper.cjs");
  writeFileSync(script, FLIPPER);
  flipper = fork(script, [join(stage.ws, name), target], { stdio: "inherit", execArgv: [] });
  await once(flipper, "message");
}

/** In the moment in which there is no directory, none is made: the attacker would stop at it. */
function makingNoWay(): Authority {
  return authorityOver((query) => query.op === "create" && "path" in query && query.path === join(stage.ws, "d"));
}

interface Tally {
  readonly done: Map<unknown, number>;
  readonly refused: Map<string, number>;
}

function keepAt(act: () => unknown, isRefusal = (error: unknown): boolean => error instanceof SessionError): Tally {
  const tally: Tally = { done: new Map(), refused: new Map() };
  for (const end = performance.now() + ENOUGH; performance.now() < end;) {
    try {
      const result = act();
      tally.done.set(result, (tally.done.get(result) ?? 0) + 1);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      const code = error instanceof SessionError ? error.code : "system";
      tally.refused.set(code, (tally.refused.get(code) ?? 0) + 1);
    }
  }
  return tally;
}

describe("while a directory and a symlink out of the workspace take turns (B09)", () => {
  it("plain reading gives the secret away (the twin: the attack is one)", async () => {
    await flip("d", stage.outside);
    const { done } = keepAt(
      () => readFileSync(join(stage.ws, "d/f"), "utf8"),
      () => true,
    );
    expect(new Set(done.keys())).toEqual(new Set(["inside", "secret"]));
  });

  it("session.read never does", async () => {
    await flip("d", stage.outside);
    const { done, refused } = keepAt(() => stage.read("d/f"));
    expect([...done.keys()]).toEqual(["inside"]);
    expect(refused.get("policy_denied")).toBeGreaterThan(10);
  });

  it("nor where a file and a symlink take turns", async () => {
    await flip("file", join(stage.outside, "f"));
    const { done, refused } = keepAt(() => stage.read("file"));
    expect([...done.keys()]).toEqual(["inside"]);
    expect(refused.get("policy_denied")).toBeGreaterThan(10);
  });

  it("session.glob never names what is outside", async () => {
    await flip("d", stage.outside);
    const names = new Set<string>();
    for (const end = performance.now() + ENOUGH; performance.now() < end;) {
      for (const name of await globFiles(authorityOver(), stage.root, "d*/*")) names.add(name);
    }
    expect([...names].toSorted()).toEqual(["d.real/f", "d/f"]);
  });

  it("nothing is written outside, and what is written is whole", async () => {
    await flip("d", stage.outside);
    let turn = 0;
    const { done, refused } = keepAt(() => {
      turn += 1;
      stage.write("d/f", `${turn} `.repeat(500), { authority: makingNoWay() });
      stage.write(`d/new-${turn % 7}`, "x", { authority: makingNoWay() });
      return "written";
    });
    expect(done.get("written")).toBeGreaterThan(0);
    expect(refused.size).toBeGreaterThan(0);
    flipper?.disconnect();
    if (flipper !== null) await once(flipper, "exit");
    expect(stage.names(stage.outside)).toEqual(["f", "only-outside"]);
    expect(stage.text(join(stage.outside, "f"))).toBe("secret");
    const real = stage.text("d/f") !== "secret" && stage.names("d").includes("f") ? "d" : "d.real";
    const written = stage.text(`${real}/f`) ?? "";
    expect(new Set(written.trim().split(" ")).size).toBe(1);
    expect(stage.names(real).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("a patch is done whole or not at all (B10)", async () => {
    stage.put("a", "0\n");
    stage.put("d/b", "0\n");
    await flip("d", stage.outside);
    const update = (path: string, from: number): string => `*** Update File: ${path}\n-${from}\n+${from + 1}\n`;
    let count = 0;
    const { refused } = keepAt(() => {
      stage.patch(`*** Begin Patch\n${update("a", count)}${update("d/b", count)}*** End Patch`);
      count += 1;
    });
    flipper?.disconnect();
    if (flipper !== null) await once(flipper, "exit");
    expect(count).toBeGreaterThan(0);
    expect(refused.size).toBeGreaterThan(0);
    expect(stage.text("a")).toBe(`${count}\n`);
    const real = stage.names("").includes("d.real") ? "d.real" : "d";
    expect(stage.text(`${real}/b`)).toBe(`${count}\n`);
    expect(stage.names(stage.outside)).toEqual(["f", "only-outside"]);
    expect(stage.names().filter((name) => name.startsWith("."))).toEqual([]);
  });
});

/** Replaces three files together, for ever. */
const WRITER = `
import { openRoot } from "./change-source/root.ts";
import { applyChanges } from "./change-source/change/apply.ts";
import { planWrite } from "./change-source/write.ts";

const [ws, ...texts] = process.argv.slice(2);
const decision = { effect: "allow", reason: "granted", rule: null, provenance: null, where: "host", suggestion: null };
const authority = { kind: "patch", covers: () => true, decide: () => decision };
const root = openRoot(ws);
process.send("ready");
for (let turn = 0; ; turn++) {
  const bytes = Buffer.from(texts[turn % 2].repeat(50_000));
  const plans = ["a", "b", "c"].map((name) => planWrite(authority, { root, names: [name], shown: name }, bytes, null));
  applyChanges(authority, plans.flatMap(({ changes }) => changes));
}
`;

it("a killed writer leaves each file whole, old or new", async () => {
  const texts = ["old ".repeat(50_000), "new ".repeat(50_000)];
  for (const name of ["a", "b", "c"]) stage.put(name, texts[0]);
  const source = new URL("../../src/session/files", import.meta.url).pathname;
  const outfile = join(stage.outside, "../writer.cjs");
  await build({
    stdin: { contents: WRITER.replaceAll("./change-source", source), resolveDir: source },
    outfile,
    bundle: true,
    platform: "node",
    external: ["micromatch"],
    logLevel: "error",
    logOverride: { "empty-import-meta": "silent" },
  });
  const found = new Set<string>();
  // On a busy machine many are killed before they have written anything.
  for (let round = 0; round < 12 || (found.size < 2 && round < 60); round++) {
    const writer = fork(outfile, [stage.ws, "old ", "new "], { stdio: "inherit", execArgv: [] });
    await once(writer, "message");
    await new Promise((later) => setTimeout(later, 20 + ((round * 37) % 61) * (1 + Math.floor(round / 12))));
    writer.kill("SIGKILL");
    await once(writer, "exit");
    for (const name of ["a", "b", "c"]) found.add(stage.text(name) ?? "missing");
  }
  expect([...found].map((text) => texts.indexOf(text))).not.toContain(-1);
  expect(found.size).toBe(2);
});
