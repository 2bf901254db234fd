import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { onStage } from "../stage/index.ts";

const tool = (): string => process.env["SANDBOXED_TEST_TOOL"] ?? "";

/** Of each client. */
const CALLS = 25_000;

/** The host's own functions are the tools; it says what the run came to and how far its memory grew. */
const host = (): string => `
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { builtinProfile, localTools, openSession, run } from ${JSON.stringify(join(tool(), "dist/index.js"))};
const environment = new Map(Object.entries(process.env));
const session = openSession({ ephemeral: false, argv: ["soak"], cwd: process.cwd(), version: "0", environment });
let calls = 0, first = 0, most = 0;
const echo = (given) => {
  calls += 1;
  if (calls % 1000 === 0) {
    const { rss } = process.memoryUsage();
    if (calls === 20_000) first = rss;
    most = Math.max(most, rss);
  }
  return given;
};
const { status } = await run({
  policy: { layers: [{ layer: "api", profile: builtinProfile(":isolated") }] },
  program: "python3", arguments: ["main.py"], script: "main.py", cwd: process.cwd(), environment,
  workspaceRoots: null, workspace: "repo", backend: null, terminal: "never",
  session: { id: session.id, openJournal: () => session.journal },
  streams: ["ignore", "inherit", "inherit"], explain: false, attended: false,
  grants: ["tools=echo"], tools: [localTools([{ name: "echo", run: echo }])],
});
const journal = readFileSync(join(session.folder, "journal.jsonl"), "utf8");
console.log(JSON.stringify({ status, calls, grown: most - first, recorded: journal.split('"method":"session.tool","outcome":"ok"').length - 1 }));
`;

const main = `
import subprocess, sys, threading
clients = [[sys.executable, "client.py"], [sys.executable, "client.py"], ["node", "client.mjs"], ["node", "client.mjs"]]
running = [subprocess.Popen([*command, str(at)]) for at, command in enumerate(clients)]
sys.exit(max(each.wait() for each in running))
`;

const python = `
import sandboxed, sys
session = sandboxed.connect()
own = sys.argv[1]
for start in range(0, ${CALLS}, 500):
    waiting = [(at, session.send("session.tool", name="echo", arguments={"own": own, "at": at})) for at in range(start, start + 500)]
    for at, each in waiting:
        assert each.result()["structuredContent"] == {"own": own, "at": at}
print(own, "ok", flush=True)
`;

const node = `
import { connect } from "sandboxed-run/client";
import { deepStrictEqual } from "node:assert";
const session = await connect();
const [, , own] = process.argv;
for (let start = 0; start < ${CALLS}; start += 500) {
  const given = Array.from({ length: 500 }, (_, index) => ({ own, at: start + index }));
  const answers = await Promise.all(given.map((each) => session.tool("echo", each)));
  deepStrictEqual(answers, given);
}
console.log(own, "ok");
session.close();
`;

it(
  "100,000 calls of four programs in one run: each has its own answer and its record, and the session does not grow",
  () =>
    onStage("self", (stage) => {
      const place = join(stage.workspace, "node_modules/sandboxed-run");
      mkdirSync(place, { recursive: true });
      for (const name of ["package.json", "dist/client"]) {
        cpSync(join(tool(), name), join(place, name), { recursive: true });
      }
      stage.write("main.py", main);
      stage.write("client.py", python);
      stage.write("client.mjs", node);
      stage.write("host.mjs", host());
      const began = performance.now();
      const { stdout, stderr } = stage.plain(process.execPath, ["host.mjs"], { timeout: 50_000 });
      const took = performance.now() - began;
      const lines = stdout.trim().split("\n");
      expect(lines.slice(0, -1).toSorted(), stderr).toEqual(["0 ok", "1 ok", "2 ok", "3 ok"]);
      const { grown, ...counts } = JSON.parse(lines.at(-1) ?? "");
      expect(counts).toEqual({ status: 0, calls: 4 * CALLS, recorded: 4 * CALLS });
      expect(grown).toBeLessThan(100 * 1024 * 1024);
      expect(took).toBeLessThan(25_000);
    }),
  60_000,
);
