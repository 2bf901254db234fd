// Times whole commands in turn (A B C, A B C, …), so that a drift of the machine's speed meets all of them alike.
import { spawnSync } from "node:child_process";

/** What every measured process gets: nothing that changes how fast a program starts. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name !== "NODE_EXTRA_CA_CERTS"),
);

/**
 * Milliseconds a round for each named act, medians included. An act is a command line or a function, which may be async.
 * Throws when a command fails: a failing command is fast and proves nothing.
 */
export async function interleave(acts, { rounds = 30, warmUp = 3, cwd = process.cwd() } = {}) {
  const times = new Map(Object.keys(acts).map((name) => [name, []]));
  for (let round = -warmUp; round < rounds; round += 1) {
    for (const [name, act] of Object.entries(acts)) {
      const began = performance.now();
      if (typeof act === "function") await act();
      else {
        const { status, stderr } = spawnSync(act[0], act.slice(1), {
          cwd,
          env: environment,
          stdio: ["ignore", "ignore", "pipe"],
        });
        if (status !== 0) throw new Error(`${name} ended with ${status}: ${String(stderr)}`);
      }
      if (round >= 0) times.get(name).push(performance.now() - began);
    }
  }
  return new Map([...times].map(([name, list]) => [name, { median: median(list), times: list }]));
}

/** The median of the ratios round by round: what to quote. */
export function ratio(results, name, floor) {
  const one = results.get(name).times;
  return median(results.get(floor).times.map((time, round) => one[round] / time));
}

export function median(list) {
  const sorted = list.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}

export function print(title, results, ratios) {
  console.log(title);
  for (const [name, { median: time }] of results) console.log(`  ${name.padEnd(44)} ${time.toFixed(2)} ms`);
  for (const [text, value, goal] of ratios) {
    console.log(`  ${text.padEnd(44)} ×${value.toFixed(2)}${goal === undefined ? "" : `   (goal ${goal})`}`);
  }
}
