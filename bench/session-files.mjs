// What a session adds to file operations: reading 1 MiB and finding 10,000 files, by held descriptors with every path
// decided, beside plain `node:fs`. Needs the built library: npm run build, then node bench/session-files.mjs
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { absolutePath, builtinProfile, compile, resolve } from "../dist/policy/index.js";
import { globFiles } from "../dist/session/files/glob.js";
import { readFile } from "../dist/session/files/read.js";
import { openRoot } from "../dist/session/files/root.js";
import { places } from "./places.mjs";

const ROUNDS = 15;
const GOAL_READ = 1.2;
const GOAL_GLOB = 1.2;

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sandboxed-bench-")));
const ws = absolutePath(folder);
for (let directory = 0; directory < 100; directory++) {
  const path = join(ws, "src", `part-${directory % 10}`, `set-${directory}`);
  mkdirSync(path, { recursive: true });
  for (let file = 0; file < 100; file++) writeFileSync(join(path, `file-${file}.${file % 2 === 0 ? "ts" : "js"}`), "");
}
mkdirSync(join(ws, "data/deep/er"), { recursive: true });
writeFileSync(join(ws, "data/deep/er/big"), "0123456789abcdef".repeat(65_536));

const machine = {
  ...places(absolutePath("/home/u"), ws),
  minimal: [absolutePath("/usr")],
};
const layers = [{ layer: "user", profile: builtinProfile(":workspace") }];
const oracle = compile(resolve({ layers }, machine));
const authority = { kind: "fs.read", covers: () => true, decide: (query) => oracle.decide(query) };
const root = openRoot(ws);

const big = { root, names: ["data", "deep", "er", "big"], shown: "data/deep/er/big" };
const readings = {
  plain: () => readFileSync(join(ws, big.shown), "utf8").length,
  session: () => readFile(authority, big, { limit: 1 << 20 }).bytes.toString().length,
  "session, with its hash": () => readFile(authority, big).bytes.toString().length,
};
const searches = {
  plain: () => readdirSync(join(ws, "src"), { recursive: true }).filter((name) => name.endsWith(".ts")).length,
  session: async () => (await globFiles(authority, root, "src/**/*.ts")).length,
};

try {
  await compare("read of 1 MiB", readings, 100, GOAL_READ);
  await compare("glob over 10,000 files", searches, 3, GOAL_GLOB);
} finally {
  root.close();
  rmSync(folder, { recursive: true, force: true });
}

async function compare(what, ways, turns, goal) {
  const times = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
  const results = new Set();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [way, act] of Object.entries(ways)) {
      const begin = performance.now();
      for (let turn = 0; turn < turns; turn++) results.add(await act());
      // The first round warms up.
      if (round > 0) times[way].push((performance.now() - begin) / turns);
    }
  }
  if (results.size !== 1) throw new Error(`${what}: the ways differ: ${[...results].join(" ")}`);
  console.log(what);
  for (const [way, list] of Object.entries(times)) {
    const ratio = median(list.map((time, round) => time / times.plain[round]));
    const shown = way === "plain" ? "" : `×${ratio.toFixed(2)}`;
    console.log(`  ${way.padEnd(24)} ${median(list).toFixed(3)} ms  ${shown}`);
    if (way === "session" && ratio > goal) process.exitCode = 1;
  }
  console.log(`  (goal: at most ×${goal})`);
}

function median(values) {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];
}
