// The library's run with a plan that is made already, against bubblewrap that builds the same tree and namespaces alone,
// and against its command line as it is in a run, which leaves the files of /etc to the first process.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { builtinProfile, prepare, run, start } from "../dist/index.js";
import { bwrapArguments } from "../dist/sandbox/linux/plan/index.js";
import { environment, interleave, print, ratio } from "./interleave.mjs";

const workspace = mkdtempSync(join(tmpdir(), "sandboxed-bench-"));
const nowhere = { append: () => {}, close: () => {} };
try {
  execFileSync("git", ["init", "-q", workspace]);
  writeFileSync(join(workspace, "file"), "x");
  const request = {
    policy: { layers: [{ layer: "api", profile: builtinProfile(":isolated") }] },
    program: "true",
    arguments: [],
    script: null,
    cwd: workspace,
    environment: new Map(Object.entries(environment)),
    workspaceRoots: null,
    workspace: "repo",
    backend: null,
    terminal: "auto",
    streams: ["ignore", "ignore", "ignore"],
    session: { id: "bench", openJournal: () => nowhere },
    explain: false,
    attended: false,
  };
  const prepared = await Promise.resolve(prepare(request));
  await start(request, prepared).outcome; // makes the private home
  // With `true` in place of the first process.
  const { bwrap } = prepared.facts.kernel;
  const files = { init: "/bin/true", emptyFile: "/dev/null" };
  const bare = (...gathered) =>
    bwrapArguments(prepared.plan, files, ...gathered)
      .slice(0, -1)
      .filter((word) => word !== "--as-pid-1");
  const spawnBare = (words) => {
    const { status, stderr } = spawnSync(bwrap.path, [...words, "/usr/bin/true"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    if (status !== 0) throw new Error(String(stderr));
  };
  const [alone, same] = [bare(null), bare()];
  const results = await interleave({
    "bwrap alone, same tree": () => spawnBare(alone),
    "bwrap, same arguments": () => spawnBare(same),
    "library run, plan made before": () => start(request, prepared).outcome,
    "library run, all of it": () => run(request),
  });
  const made = "library run, plan made before";
  print("library", results, [
    ["plan made before : bwrap alone, same tree", ratio(results, made, "bwrap alone, same tree"), "≤ 1.3"],
    ["plan made before : bwrap, same arguments", ratio(results, made, "bwrap, same arguments"), "≤ 1.3"],
    ["all of it : bwrap alone, same tree", ratio(results, "library run, all of it", "bwrap alone, same tree")],
  ]);
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
