// What the clients of Python and Node.js get through the channel from inside a sandbox: calls a second, one after the
// other and sent ahead; a file of 1 MiB; a search over 10,000 files. With and without a journal, beside what the program
// does by itself. Goals: 15,000 calls a second sent ahead, and a journal costs no more than a fifth.
// Needs the built tool: npm run build, then node bench/session-clients.mjs
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";

const ROUNDS = 5;
const GOAL_RATE = 15_000;
const GOAL_JOURNAL = 1.2;

const tool = join(import.meta.dirname, "..");
const folder = realpathSync(mkdtempSync(join(tmpdir(), "bench-clients-")));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const [home, ws] = [join(folder, "home"), join(folder, "ws")];
mkdirSync(home);
for (let directory = 0; directory < 100; directory++) {
  const path = join(ws, "src", `part-${directory % 10}`, `set-${directory}`);
  mkdirSync(path, { recursive: true });
  for (let file = 0; file < 100; file++) writeFileSync(join(path, `file-${file}.${file % 2 === 0 ? "ts" : "js"}`), "");
}
writeFileSync(join(ws, "big"), "0123456789abcdef".repeat(65_536));
for (const name of ["package.json", "dist/client"]) {
  cpSync(join(tool, name), join(ws, "node_modules/sandboxed-run", name), { recursive: true });
}

writeFileSync(
  join(ws, "bench.py"),
  `import glob, json, sandboxed, statistics, time
session = sandboxed.connect()
def median(act, turns):
    times = []
    for _ in range(turns):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)
def ahead():
    waiting = [session.send("session.ping") for _ in range(2000)]
    for each in waiting: each.result()
def found(paths):
    if len(paths) != 5000: raise SystemExit(len(paths))
ahead()
print(json.dumps({
    "alone": 1000 / median(lambda: session.ping(), 500),
    "ahead": 2_000_000 / median(ahead, 5),
    "read": median(lambda: session.read("big"), 20),
    "plain read": median(lambda: open("big").read(), 20),
    "glob": median(lambda: found(session.glob("src/**/*.ts")), 5),
    "plain glob": median(lambda: found(glob.glob("src/**/*.ts", recursive=True)), 5),
}))
`,
);
writeFileSync(
  join(ws, "bench.mjs"),
  `import { readFileSync, readdirSync } from "node:fs";
import { connect } from "sandboxed-run/client";
const session = await connect();
async function median(act, turns) {
  const times = [];
  for (let turn = 0; turn < turns; turn++) {
    const began = performance.now();
    await act();
    times.push(performance.now() - began);
  }
  return times.toSorted((one, other) => one - other)[turns >> 1];
}
const ahead = () => Promise.all(Array.from({ length: 2000 }, () => session.ping()));
const found = (paths) => { if (paths.length !== 5000) throw new Error(String(paths.length)); };
await ahead();
console.log(JSON.stringify({
  alone: 1000 / (await median(() => session.ping(), 500)),
  ahead: 2_000_000 / (await median(ahead, 5)),
  read: await median(() => session.read("big"), 20),
  "plain read": await median(() => readFileSync("big", "utf8"), 20),
  glob: await median(async () => found(await session.glob("src/**/*.ts")), 5),
  "plain glob": await median(() => found(readdirSync("src", { recursive: true }).filter((name) => name.endsWith(".ts"))), 5),
}));
session.close();
`,
);

const grants = ["--grant", "fs.read=**"];
function measure(script, isKept) {
  const words = ["-q", ...grants, ...(isKept ? [] : ["--ephemeral"]), script];
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(tool, "dist/bin/sandboxed-run.cjs"), ...words], {
    cwd: ws,
    encoding: "utf8",
    env: { ...environment, HOME: home, XDG_STATE_HOME: join(home, "state") },
  });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return JSON.parse(stdout);
}

const median = (values) => values.toSorted((one, other) => one - other)[values.length >> 1];
let isWithin = true;
for (const script of ["bench.py", "bench.mjs"]) {
  const without = [];
  const kept = [];
  // Turn by turn: what else goes on on the machine meets both alike.
  for (let round = 0; round < ROUNDS; round++) {
    for (const isKept of round % 2 === 0 ? [false, true] : [true, false]) {
      (isKept ? kept : without).push(measure(script, isKept));
    }
  }
  const of = (rounds, what) => median(rounds.map((round) => round[what]));
  const cost = (what, isRate) =>
    median(without.map((round, at) => (isRate ? round[what] / kept[at][what] : kept[at][what] / round[what])));
  console.log(script === "bench.py" ? "Python" : "Node.js");
  for (const [what, name] of [
    ["alone", "calls a second, one by one"],
    ["ahead", "calls a second, sent ahead"],
  ]) {
    console.log(
      `  ${name.padEnd(28)} ${Math.round(of(kept, what)).toLocaleString("en").padStart(9)}   journal ×${cost(what, true).toFixed(2)}`,
    );
  }
  for (const what of ["read", "glob"]) {
    const beside = median(kept.map((round) => round[what] / round[`plain ${what}`]));
    const name = what === "read" ? "read of 1 MiB" : "glob over 10,000 files";
    console.log(
      `  ${name.padEnd(28)} ${of(kept, what).toFixed(2).padStart(6)} ms   journal ×${cost(what, false).toFixed(2)}   by itself ${of(kept, `plain ${what}`).toFixed(2)} ms (×${beside.toFixed(2)})`,
    );
    if (cost(what, false) > GOAL_JOURNAL) isWithin = false;
  }
  if (of(kept, "ahead") < GOAL_RATE || cost("ahead", true) > GOAL_JOURNAL) isWithin = false;
}
console.log(`(goals: ${GOAL_RATE.toLocaleString("en")} calls a second sent ahead, a journal at most ×${GOAL_JOURNAL})`);
process.exitCode = isWithin ? 0 : 1;
