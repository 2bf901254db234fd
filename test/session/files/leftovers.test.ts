import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
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

it.each([
  ["that nobody has waited for counts as gone", "sh -c 'exit 0' & echo $!; exec sleep 60", []],
  ["that was stopped does not", "sleep 60 & kill -STOP $!; echo $!; wait", ["left"]],
])("a process %s", async (_, script, kept) => {
  const stage = openStage();
  const parent = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"], detached: true });
  try {
    const [line]: unknown[] = await once(parent.stdout, "data");
    const pid = Number(String(line));
    const state = /[ZT]/;
    while (!state.test(readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[2] ?? "")) await sleep(5);
    const left = `${passingPrefix}${pid}-00`;
    stage.put(`d/${left}`);
    sweepLeftovers(pid, [join(stage.ws, "d/file")]);
    expect(stage.names("d").map((name) => (name === left ? "left" : name))).toEqual(kept);
  } finally {
    process.kill(-(parent.pid ?? 0), "SIGKILL");
    stage.close();
  }
});
