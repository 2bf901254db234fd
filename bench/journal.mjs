// What keeping a journal costs: opening one, batched events a second against a plain appendFileSync of the same line,
// durable events against a plain write and fdatasync, and the first digest's share (the crypto module).
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";

const folder = mkdtempSync(join(tmpdir(), "bench-journal-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const bundle = join(folder, "audit.cjs");
buildSync({
  entryPoints: [join(import.meta.dirname, "../src/audit/index.ts")],
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: true,
  outfile: bundle,
});
const { openSession, verifyJournal, journalPath } = createRequire(import.meta.url)(bundle);
const options = { ephemeral: false, argv: ["true"], cwd: "/", version: "0", environment: new Map([["HOME", folder]]) };
const event = {
  kind: "run.repaired",
  path: "/workspace/project/.git/hooks/pre-commit",
  action: "quarantined",
  kept: null,
};

const median = (values) => values.toSorted((one, other) => one - other)[values.length >> 1];
const row = (name, value) => console.log(`${name.padEnd(58)} ${value}`);

function time(act) {
  const start = performance.now();
  act();
  return performance.now() - start;
}

// Interleaved, so that both sides meet the same machine.
const rounds = 5;
const batch = 20_000;
const ours = [];
const plain = [];
for (let round = 0; round < rounds; round += 1) {
  const session = openSession(options);
  ours.push(
    time(() => {
      for (let index = 0; index < batch; index += 1) session.journal.append(event, "batched");
      session.journal.close();
    }),
  );
  const line = `${JSON.stringify({ seq: round, time: new Date().toISOString(), session: session.id, ...event, prev: "0".repeat(64) })}\n`;
  const target = join(folder, `plain-${round}`);
  plain.push(
    time(() => {
      for (let index = 0; index < batch; index += 1) appendFileSync(target, line);
    }),
  );
  if (round === 0) {
    const checked = time(() => {
      if (verifyJournal(journalPath(session.folder)).status !== "ok") throw new Error("the journal does not verify");
    });
    row("verified records a second", Math.round((batch / checked) * 1000).toLocaleString("en"));
  }
}
row("batched events a second", Math.round((batch / median(ours)) * 1000).toLocaleString("en"));
row("  against appendFileSync of the same line", `x ${(median(plain) / median(ours)).toFixed(2)}`);

const durable = [];
const floor = [];
const session = openSession(options);
const file = openSync(join(folder, "floor"), "a");
for (let index = 0; index < 200; index += 1) {
  durable.push(time(() => session.journal.append(event, "durable")));
  floor.push(
    time(() => {
      writeSync(file, "x".repeat(260));
      fdatasyncSync(file);
    }),
  );
}
closeSync(file);
session.journal.close();
row("durable event, p50", `${median(durable).toFixed(3)} ms`);
row("  against write and fdatasync", `x ${(median(durable) / median(floor)).toFixed(2)}`);

// Cold: a process that does nothing else, as the command line meets it.
const cold = join(folder, "cold.cjs");
writeFileSync(
  cold,
  `const t0 = performance.now(); const { openSession } = require(${JSON.stringify(bundle)});
   const t1 = performance.now(); const s = openSession({ ...${JSON.stringify(options)}, environment: new Map([["HOME", ${JSON.stringify(folder)}]]) });
   const t2 = performance.now(); process.getBuiltinModule("node:crypto");
   const t3 = performance.now(); s.journal.append({ kind: "run.started" }, "durable");
   const t4 = performance.now(); s.journal.append({ kind: "run.started" }, "durable");
   const t5 = performance.now(); s.journal.close();
   const t6 = performance.now(); openSession({ ...${JSON.stringify(options)}, environment: new Map([["HOME", ${JSON.stringify(folder)}]]) }); const t7 = performance.now();
   console.log(JSON.stringify([t1 - t0, t2 - t1, t3 - t2, t4 - t3, t5 - t4, t6 - t5, t7 - t6]));`,
);
const runs = Array.from({ length: 15 }, () =>
  JSON.parse(spawnSync(process.execPath, [cold], { encoding: "utf8", env: {} }).stdout),
);
const steps = [
  "load the code",
  "open a session",
  "load crypto",
  "first durable event",
  "second durable event",
  "close",
  "open another session",
];
for (const [index, step] of steps.entries())
  row(`cold: ${step}, p50`, `${median(runs.map((run) => run[index])).toFixed(3)} ms`);
