import { chmodSync, chownSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { applyChanges } from "../../../src/session/files/change/apply.ts";
import { globFiles } from "../../../src/session/files/glob.ts";
import { readFile } from "../../../src/session/files/read.ts";
import type { Asked } from "../../../src/session/files/read.ts";
import { openRoot } from "../../../src/session/files/root.ts";
import type { FileRoot } from "../../../src/session/files/root.ts";
import { split } from "../../../src/session/files/walk.ts";
import { planWrite } from "../../../src/session/files/write.ts";
import { authorityOver, codeOf, openStage } from "./stage.ts";
import type { Stage } from "./stage.ts";

const SOMEBODY = 65_534;
const everything = authorityOver();

let stage: Stage;
let root: FileRoot;
beforeEach(() => {
  stage = openStage();
  for (const name of ["own", "roots", "closed/f", "d/own"]) stage.put(name);
  chmodSync(join(stage.ws, "roots"), 0o600);
  chmodSync(join(stage.ws, "closed"), 0o700);
  for (const name of ["", "own", "d", "d/own"]) chownSync(join(stage.ws, name), SOMEBODY, SOMEBODY);
  chmodSync(join(stage.ws, "own"), 0o640);
  root = openRoot(stage.ws);
});
afterEach(() => {
  root.close();
  stage.close();
});

const asked = (path: string): Asked => ({ root, names: split(path), shown: path });
const read = (path: string): string => codeOf(() => readFile(everything, asked(path)));
const write = (path: string): string =>
  codeOf(() => applyChanges(everything, planWrite(everything, asked(path), Buffer.from("x"), null).changes));
const owner = (path: string): readonly number[] => {
  const { uid, gid, mode } = statSync(join(stage.ws, path));
  return [uid, gid, mode & 0o777];
};

describe.runIf(process.getuid?.() === 0)("root acts for whoever owns the workspace", () => {
  it.each([
    ["own", "done"],
    ["d/own", "done"],
    ["roots", "policy_denied"],
    ["closed/f", "policy_denied"],
  ])("reads and writes %s: %s", (path, code) => {
    expect([read(path), write(path)]).toEqual([code, code]);
    expect(stage.text(path)).toBe(code === "done" ? "x" : `text of ${path}\n`);
  });

  it("makes nothing where the owner could not", () => {
    chownSync(join(stage.ws, "d"), 0, 0);
    chmodSync(join(stage.ws, "d"), 0o755);
    expect([write("d/new"), write("d/more/new"), write("new")]).toEqual(["policy_denied", "policy_denied", "done"]);
    expect([stage.names("d"), stage.text("new")]).toEqual([["own"], "x"]);
  });

  it("makes files that are the owner's, and keeps modes", () => {
    const usual = 0o666 & ~process.umask();
    expect([write("new/deep/f"), write("own")]).toEqual(["done", "done"]);
    expect(owner("new/deep/f")).toEqual([SOMEBODY, SOMEBODY, usual]);
    for (const made of ["new", "new/deep"]) expect(owner(made).slice(0, 2)).toEqual([SOMEBODY, SOMEBODY]);
    expect(owner("own")).toEqual([SOMEBODY, SOMEBODY, 0o640]);
  });

  it("finds what the owner would", async () => {
    const found = await globFiles(everything, root, "**/*");
    expect(found).toEqual(["d/own", "own", "roots"]);
  });
});
