import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { denying, isRoot, liveRun, swap } from "./stand.ts";
import type { LiveRunStand } from "./stand.ts";
import { aSecond } from "../stage/a-second.ts";

describe.runIf(isRoot)("a file of requirements that changes while a run is on", () => {
  it.each<[string, (run: LiveRunStand) => Promise<void> | void]>([
    ["is written over", ({ system }) => writeFileSync(system, denying("one.example"))],
    ["is replaced by another", ({ system }) => swap(system, denying("one.example"))],
    [
      "is saved as an editor does, with a copy set aside",
      ({ system }) => {
        renameSync(system, `${system}~`);
        writeFileSync(system, denying("one.example"));
        rmSync(`${system}~`);
      },
    ],
    [
      "is written piece by piece",
      async ({ system }) => {
        writeFileSync(system, "");
        for (const piece of denying("one.example").split("\n")) {
          writeFileSync(system, `${piece}\n`, { flag: "a" });
          // oxlint-disable-next-line no-await-in-loop -- one piece after the other
          await sleep(20);
        }
      },
    ],
    [
      "is written within the same second with the same length and times",
      ({ system }) => {
        const time = new Date(1_000_000_000_000);
        utimesSync(system, time, time);
        writeFileSync(system, denying("one.example"));
        utimesSync(system, time, time);
      },
    ],
    [
      "comes with a folder that takes the place of its own",
      ({ root, system }) => {
        renameSync(join(root, "etc"), join(root, "etc.old"));
        symlinkSync(join(root, "elsewhere"), join(root, "away"));
        renameSync(join(root, "next"), join(root, "etc"));
        expect(system).toContain("/etc/");
      },
    ],
  ])("holds within a second when it %s", async (_, change) => {
    const run = await liveRun({ system: denying("six.example") });
    const next = join(run.root, "next");
    mkdirSync(next);
    writeFileSync(join(next, "requirements.toml"), denying("one.example"));
    await sleep(100);
    const began = performance.now();
    await change(run);
    await run.until(() => !run.reaches("one.example"));
    expect(performance.now() - began).toBeLessThan(aSecond);
    expect(run.reaches("two.example")).toBe(true);
    expect([run.isEnded(), run.effects().at(-1)]).toEqual([false, "narrowed"]);
    expect(run.recorded).toContainEqual(expect.objectContaining({ kind: "requirements.reloaded", effect: "narrowed" }));
  });

  it("is not noticed when what it says stays the same", async () => {
    const run = await liveRun({ system: denying("one.example") });
    await sleep(150);
    swap(run.system, `# again\n${denying("one.example")}`);
    writeFileSync(join(run.root, "etc/other.toml"), "x");
    await run.settled();
    utimesSync(run.system, new Date(), new Date());
    await run.settled();
    expect([run.changes, run.recorded, run.isEnded()]).toEqual([[], [], false]);
  });

  it.each<[string, (run: LiveRunStand) => void, RegExp]>([
    ["no TOML", ({ system }) => swap(system, "denied = [\n"), /stay in force, because .*requirements\.toml/],
    [
      "a symbolic link",
      ({ root, system }) => {
        writeFileSync(join(root, "mine"), "");
        rmSync(system);
        symlinkSync(join(root, "mine"), system);
      },
      /symbolic link/,
    ],
    [
      "a folder",
      ({ system }) => {
        rmSync(system);
        mkdirSync(system);
      },
      /not a regular file/,
    ],
    [
      "a pipe that nobody writes to",
      ({ system }) => {
        rmSync(system);
        execFileSync("mkfifo", ["-m", "644", system]);
      },
      /not a regular file/,
    ],
    [
      "a device",
      ({ system }) => {
        rmSync(system);
        execFileSync("mknod", ["-m", "644", system, "c", "1", "5"]);
      },
      /not a regular file/,
    ],
    ["of two megabytes", ({ system }) => swap(system, `# ${"x".repeat(2 ** 21)}`), /larger than 1 MiB/],
    ["no text", ({ system }) => writeFileSync(system, Buffer.from([0xff, 0xfe, 0x00])), /not valid UTF-8/],
    ["somebody else's", ({ system }) => chownSync(system, 65534, 65534), /belongs to user 65534/],
    ["half of what it was", ({ system }) => truncateSync(system, 20), /requirements\.toml/],
    ["for all to write", ({ system }) => chmodSync(system, 0o666), /written by others/],
    ["in a folder for all to write", ({ root }) => chmodSync(join(root, "etc"), 0o777), /changed by others/],
  ])("is kept as it was when it is %s, and that is said", async (_, change, why) => {
    const run = await liveRun({ system: denying("six.example") });
    await sleep(150);
    change(run);
    await run.until(() => run.changes.length > 0);
    expect([run.effects(), run.isEnded()]).toEqual([["kept"], false]);
    expect(run.changes[0]?.message).toMatch(why);
    // Once it is right, it holds.
    rmSync(run.system, { recursive: true });
    chmodSync(join(run.root, "etc"), 0o755);
    writeFileSync(run.system, denying("one.example"), { mode: 0o644 });
    await run.until(() => !run.reaches("one.example"));
    expect(run.effects()).toEqual(["kept", "narrowed"]);
  });

  it("takes nothing back: neither by its old text nor when it is gone", async () => {
    const run = await liveRun({ system: denying("six.example") });
    swap(run.system, denying("one.example"));
    await run.until(() => !run.reaches("one.example"));
    swap(run.system, denying("six.example"));
    await run.until(() => run.effects().at(-1) === "unchanged");
    rmSync(run.system);
    await run.until(() => run.effects().length === 3);
    expect(run.effects()).toEqual(["narrowed", "unchanged", "unchanged"]);
    swap(run.system, denying("two.example"));
    await run.until(() => !run.reaches("two.example"));
    expect([run.reaches("one.example"), run.reaches("six.example"), run.isEnded()]).toEqual([false, false, false]);
  });

  it.each<[string, (run: LiveRunStand) => string, RegExp]>([
    ["a folder", ({ data }) => `[permissions.filesystem]\ndeny_write = ["${data}"]\n`, /\/data/],
    ["more processes", () => "[limits]\nprocesses = 10\n", /limit processes/],
    ["this version of the tool", () => '[tool]\nmin_version = "99.0.0"\n', /older than 99/],
    ["what its profile lets it write", () => 'allowed_sandbox_modes = ["read-only"]\n', /allowed_sandbox_modes/],
  ])("ends a run that has %s when that is forbidden, and leaves it alone over another", async (_, forbid, why) => {
    const run = await liveRun({ system: "# none\n" });
    swap(run.system, '[permissions.filesystem]\ndeny_write = ["/srv"]\n[limits]\nprocesses = 100000\n');
    await run.until(() => run.changes.length > 0);
    expect([run.effects(), run.isEnded()]).toEqual([["narrowed"], false]);
    swap(run.system, forbid(run));
    await run.until(() => run.isEnded());
    expect(run.changes.at(-1)).toMatchObject({ effect: "ended", message: expect.stringMatching(why) });
    expect(run.recorded.at(-1)).toMatchObject({ kind: "requirements.reloaded", effect: "ended" });
  });

  it("says nothing of a program that is gone from the disk while it runs, but ends one that it hides", async () => {
    const program = "/var/tmp/reload-program";
    symlinkSync("/bin/sleep", program);
    try {
      const run = await liveRun({ system: "# none\n", program });
      rmSync(program);
      swap(run.system, denying("one.example"));
      await run.until(() => !run.reaches("one.example"));
      expect(run.isEnded()).toBe(false);
      swap(run.system, '[permissions.filesystem]\ndeny_read = ["/usr/bin"]\n');
      await run.until(() => run.isEnded());
    } finally {
      rmSync(program, { force: true });
    }
  });
});

describe.runIf(isRoot)("requirements that begin or end by themselves", () => {
  it("hold from their time on: an exception that ends", async () => {
    const expires = new Date(Date.now() + 1500).toISOString();
    const run = await liveRun({
      system: `${denying("one.example")}\n[[exceptions]]\nid = "E-1"\nreason = "tried"\napprover = "me"\nexpires = ${expires}\n[exceptions.network]\nallowed_domains = ["one.example"]\n`,
    });
    expect(run.reaches("one.example")).toBe(true);
    await run.until(() => !run.reaches("one.example"), 4000);
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expires));
    expect([run.isEnded(), run.effects()]).toEqual([false, ["narrowed"]]);
  });
});
