import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { passingPrefix } from "../../../src/session/files/change/stage.ts";
import { sweepLeftovers } from "../../../src/session/files/index.ts";
import { openStage } from "./stage.ts";

it("removes what a killed process left beside its files, and nothing of anybody else's", () => {
  const stage = openStage();
  try {
    const { pid } = spawnSync("true");
    const left = `${passingPrefix}${pid}-00`;
    const living = `${passingPrefix}${process.pid}-00`;
    for (const name of [left, living, `${passingPrefix}1${pid}-00`, "file"]) stage.put(`d/${name}`);
    stage.put(join(stage.outside, left));
    symlinkSync(stage.outside, join(stage.ws, "out"));
    mkdirSync(join(stage.ws, `${passingPrefix}${pid}-directory`));
    const paths = ["d/file", "d/other", "out/x", "missing/x", "top"].map((name) => join(stage.ws, name));
    expect([sweepLeftovers(process.pid, paths), sweepLeftovers(pid, paths)]).toEqual([0, 1]);
    expect(stage.names("d")).toEqual([living, `${passingPrefix}1${pid}-00`, "file"].toSorted());
    expect(stage.names(stage.outside)).toEqual([left]);
  } finally {
    stage.close();
  }
});
