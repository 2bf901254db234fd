import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { denying, isRoot, liveRun, swap } from "../reload/stand.ts";
import { bundle, bundleStand } from "../requirements/bundle/stand.ts";
import { aSecond } from "../stage/a-second.ts";

describe.runIf(isRoot)("a file of requirements that is changed again and again", () => {
  it("does not end a run over what stands there for a moment", async () => {
    const run = await liveRun({ system: "# none\n" });
    await sleep(150);
    swap(run.system, `[permissions.filesystem]\ndeny_write = ["${run.data}"]\n`);
    await sleep(120);
    swap(run.system, denying("one.example"));
    await run.until(() => !run.reaches("one.example"));
    await run.settled();
    expect(run.isEnded()).toBe(false);
  });

  it("is looked at a bounded number of times, however often it changes, and what it says last holds", async () => {
    const run = await liveRun({ system: "# none\n" });
    const until = performance.now() + 1500;
    for (let n = 0; performance.now() < until; n++) {
      swap(run.system, n % 2 === 0 ? denying("one.example") : "broken = [\n");
      // oxlint-disable-next-line no-await-in-loop -- a storm has its beats
      await sleep(5);
    }
    // It was not put off until the storm was over.
    expect(run.changes.length).toBeGreaterThan(0);
    expect(run.changes.length).toBeLessThan(12);
    swap(run.system, denying("two.example"));
    await run.until(() => !run.reaches("two.example"));
    expect(run.isEnded()).toBe(false);
  });
});

describe.runIf(isRoot)("what a user gives besides", () => {
  it("keeps no change of the administrator's from holding, broken as it may be", async () => {
    const run = await liveRun({ system: "# none\n", given: "# mine\n" });
    await sleep(150);
    writeFileSync(run.given, "broken = [\n");
    swap(run.system, denying("one.example"));
    await run.until(() => !run.reaches("one.example"));
    expect([run.isEnded(), run.effects().toSorted()]).toEqual([false, ["kept", "narrowed"]]);
    expect(run.changes.find(({ effect }) => effect === "kept")?.message).toContain(run.given);
  });

  it("narrows by itself, and putting it away takes nothing back", async () => {
    const run = await liveRun({ system: "# none\n", given: "# mine\n" });
    swap(run.given, denying("one.example"));
    await run.until(() => !run.reaches("one.example"));
    rmSync(run.given);
    await run.until(() => run.effects().at(-1) === "kept");
    expect(run.reaches("one.example")).toBe(false);
  });

  it("does not become a tree that is watched", async () => {
    const run = await liveRun({ system: "# none\n", given: "# mine\n" });
    await sleep(150);
    const before = watches();
    rmSync(run.given);
    await run.until(() => run.effects().includes("kept"));
    for (let n = 0; n < 200; n++) mkdirSync(join(run.given, `${n}/a/b`), { recursive: true });
    await run.until(() => run.effects().length > 1);
    await sleep(500);
    expect(watches() - before).toBeLessThan(20);
    rmSync(run.given, { recursive: true });
    swap(run.given, denying("one.example"));
    await run.until(() => !run.reaches("one.example"));
    expect(run.isEnded()).toBe(false);
  });

  it("changed without end does not put off the end of a run that the administrator forbids", async () => {
    const run = await liveRun({ system: "# none\n", given: "# mine\n" });
    const over = new AbortController();
    const storm = (async () => {
      for (let n = 0; !over.signal.aborted; n++) {
        swap(run.given, `# ${n}\n`);
        // oxlint-disable-next-line no-await-in-loop -- the same
        await sleep(10);
      }
    })();
    await sleep(150);
    swap(run.system, `[permissions.filesystem]\ndeny_write = ["${run.data}"]\n`);
    await run.until(() => run.isEnded(), 4000);
    over.abort();
    await storm;
  });
});

/** That this process holds of the kernel. */
function watches(): number {
  const of = (name: string): number => {
    try {
      return readFileSync(`/proc/self/fdinfo/${name}`, "utf8").split("inotify wd").length - 1;
    } catch {
      return 0; // closed meanwhile
    }
  };
  return readdirSync("/proc/self/fdinfo").reduce((sum, name) => sum + of(name), 0);
}

const inTime = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** The one file that is kept of bundles. */
function keptFile(root: string): string {
  return join(root, "state", readdirSync(join(root, "state"))[0] ?? "");
}

describe.runIf(isRoot)("a signed bundle, while a run is on", () => {
  it("is fetched anew when it is due, by its tag, and holds at once, also where the first was fetched at this start", async () => {
    const stand = await bundleStand('refresh = "1s"');
    stand.serve({ body: bundle(3, denying("six.example"), inTime(3_600_000)), etag: '"three"' });
    const run = await liveRun({ root: stand.root });
    await run.until(() => stand.seen.length > 2, 5000);
    expect(stand.seen.at(-1)?.headers["if-none-match"]).toBe('"three"');
    expect([run.changes, run.reaches("one.example")]).toEqual([[], true]);
    stand.serve({ body: bundle(4, denying("one.example"), inTime(3_600_000)), etag: '"four"' });
    await run.until(() => !run.reaches("one.example"), 3000);
    expect([run.isEnded(), run.effects()]).toEqual([false, ["narrowed"]]);
    // A second apart at least, whatever the kept file makes one look at.
    expect(stand.seen.length).toBeLessThan(8);
  });

  it("is fetched when it is due, however often files are changed meanwhile", async () => {
    const stand = await bundleStand('refresh = "1s"');
    stand.serve({ body: bundle(3, denying("six.example"), inTime(3_600_000)) });
    const run = await liveRun({ root: stand.root, given: "# mine\n" });
    stand.serve({ body: bundle(4, denying("one.example"), inTime(3_600_000)) });
    const over = new AbortController();
    const storm = (async () => {
      for (let n = 0; !over.signal.aborted; n++) {
        swap(run.given, `# ${n}\n`);
        // oxlint-disable-next-line no-await-in-loop -- a storm has its beats
        await sleep(20);
      }
    })();
    await run.until(() => !run.reaches("one.example"), 4000).finally(() => over.abort());
    await storm;
    expect(run.isEnded()).toBe(false);
  });

  it("holds while a newer one cannot be had or is older, which is said once and not asked again at once", async () => {
    const stand = await bundleStand('refresh = "1s"');
    stand.serve({ body: bundle(3, denying("one.example"), inTime(3_600_000)) });
    const run = await liveRun({ root: stand.root });
    stand.serve({ body: bundle(2, "", inTime(3_600_000)) });
    await run.until(() => run.changes.length > 0, 4000);
    const asked = stand.seen.length;
    await run.settled();
    await run.settled();
    expect([run.effects(), run.isEnded(), stand.seen.length]).toEqual([["kept"], false, asked]);
    expect(run.changes[0]?.message).toMatch(/serial 2 is below 3/);
  });

  it("is none when somebody puts an older one in the place of the kept one", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3, denying("six.example"), inTime(3_600_000)) });
    const run = await liveRun({ root: stand.root });
    const file = keptFile(stand.root);
    const newer = readFileSync(file, "utf8");
    rmSync(file);
    stand.serve({ body: bundle(2, "", inTime(3_600_000)) });
    await run.until(() => run.changes.length > 0, 4000);
    expect([run.effects(), run.isEnded()]).toEqual([["kept"], false]);
    expect(run.changes[0]?.message).toMatch(/serial 2 is below 3/);
    writeFileSync(file, newer, { mode: 0o600 });
    await run.settled();
    expect([run.effects(), run.isEnded()]).toEqual([["kept"], false]);
  });

  it.each<[string, (root: string) => void]>([
    ["when one is due", () => {}],
    ["when somebody has put the kept one away", (root) => rmSync(keptFile(root))],
  ])(
    "whose server never answers %s keeps nothing else from holding at once, and nobody waits for it",
    async (_, act) => {
      const stand = await bundleStand('refresh = "1s"');
      stand.serve({ body: bundle(3, denying("six.example"), inTime(3_600_000)) });
      const run = await liveRun({ root: stand.root });
      const asked = stand.seen.length;
      stand.serve({ body: Buffer.from(""), isSilent: true });
      act(stand.root);
      await run.until(() => stand.seen.length > asked, 4000);
      const began = performance.now();
      swap(stand.systemFile, `${readFileSync(stand.systemFile, "utf8")}\n${denying("one.example")}`);
      await run.until(() => !run.reaches("one.example"));
      expect(performance.now() - began).toBeLessThan(aSecond);
      expect([run.isEnded(), run.effects()]).toEqual([false, ["narrowed"]]);
      const over = performance.now();
      await run.close();
      expect(performance.now() - over).toBeLessThan(aSecond);
    },
  );

  it("ends the run when it expires and no newer one can be had; one in time goes on", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3, denying("six.example"), inTime(1500)) });
    const run = await liveRun({ root: stand.root });
    stand.serve({ status: 503, body: Buffer.from("") });
    await run.until(() => run.isEnded(), 5000);
    expect(run.changes.at(-1)).toMatchObject({ effect: "ended", message: expect.stringMatching(/good until/) });

    const other = await bundleStand();
    other.serve({ body: bundle(3, denying("six.example"), inTime(1500)) });
    const lasting = await liveRun({ root: other.root });
    other.serve({ body: bundle(4, denying("one.example"), inTime(3_600_000)) });
    await lasting.until(() => !lasting.reaches("one.example"), 5000);
    expect([lasting.isEnded(), lasting.effects()]).toEqual([false, ["narrowed"]]);
  });

  it("that was taken from its cache, with nobody to ask, does not outlive its time", async () => {
    const stand = await bundleStand();
    stand.serve({ body: bundle(3, denying("six.example"), inTime(1800)) });
    const run = await liveRun({ root: stand.root });
    stand.serve({ status: 503, body: Buffer.from("") });
    rmSync(keptFile(stand.root));
    await run.until(() => run.isEnded(), 5000);
    expect(run.effects()).toEqual(["kept", "ended"]);
  });
});
