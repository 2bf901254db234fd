// One decision of the oracle: microseconds at 1,000 entries, and how much more at 10,000.
// Needs the built library: npm run build, then node bench/decision.mjs
import { absolutePath, applyPatch, builtinProfile, compile, readProfile, resolve } from "../dist/policy/index.js";
import { places } from "./places.mjs";

const ROUNDS = 15;
const QUESTIONS = 20_000;
const GOAL_MICROSECONDS = 5;
const GOAL_RATIO = 1.5;

const provenance = { layer: "user", file: null, line: null, column: null, owner: "you" };
const machine = {
  ...places(absolutePath("/home/u"), absolutePath("/home/u/ws")),
  minimal: ["/usr", "/etc/passwd"].map(absolutePath),
  toolState: [absolutePath("/home/u/.local/state/sandboxed")],
};

function oracleWith(entries) {
  const filesystem = {};
  for (let index = 0; index < entries; index++) {
    const path = `/data/${index % 37}/team-${index % 101}/set-${index}`;
    filesystem[path] = ["read", "write", "deny"][index % 3];
  }
  filesystem[":workspace_roots"] = { ".": "write", "**/.env": "deny" };
  const profile = applyPatch(
    builtinProfile(":workspace"),
    readProfile("bench", { filesystem }, () => provenance),
  );
  return compile(resolve({ layers: [{ layer: "user", profile }] }, machine));
}

function questions(entries) {
  const operations = ["read", "write", "create", "exec", "move", "list"];
  return Array.from({ length: 997 }, (_, number) => {
    const index = (number * 7919) % entries;
    const inside = number % 4 === 0 ? `/home/u/ws/src/part-${number}/file.ts` : null;
    const path = inside ?? `/data/${index % 37}/team-${index % 101}/set-${index}/deep/er/file-${number}.csv`;
    return { op: operations[number % operations.length], path };
  });
}

function microseconds(oracle, asked) {
  const start = performance.now();
  for (let turn = 0; turn < QUESTIONS; turn++) oracle.decide(asked[turn % asked.length]);
  return ((performance.now() - start) * 1000) / QUESTIONS;
}

const median = (values) => values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)];

const cases = [1_000, 10_000].map((entries) => ({ oracle: oracleWith(entries), asked: questions(entries), times: [] }));
for (const { oracle, asked } of cases) microseconds(oracle, asked);
for (let round = 0; round < ROUNDS; round++) {
  for (const { oracle, asked, times } of cases) times.push(microseconds(oracle, asked));
}
const [small = 0, large = 0] = cases.map(({ times }) => median(times));
const ratio = large / small;
console.log(`decision at 1,000 entries   ${small.toFixed(2)} µs (goal: at most ${GOAL_MICROSECONDS})`);
console.log(`decision at 10,000 entries  ${large.toFixed(2)} µs`);
console.log(
  `ratio 10,000 : 1,000        ${ratio.toFixed(2)} (goal: at most ${GOAL_RATIO}, median of ${ROUNDS} rounds)`,
);
if (small > GOAL_MICROSECONDS || ratio > GOAL_RATIO) process.exitCode = 1;
