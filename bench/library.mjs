// The library's run with a plan that is made already, against the same bubblewrap command line spawned bare.
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
  // The same tree and namespaces, with `true` in place of the first process.
  const { bwrap } = prepared.facts.kernel;
  const files = { init: "/bin/true", emptyFile: "/dev/null" };
  const bare = bwrapArguments(prepared.plan, files)
    .slice(0, -1)
    .filter((word) => word !== "--as-pid-1");
  const results = await interleave({
    "bwrap, same arguments, bare": () => {
      const { status, stderr } = spawnSync(bwrap.path, [...bare, "/usr/bin/true"], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      if (status !== 0) throw new Error(String(stderr));
    },
    "library run, plan made before": () => start(request, prepared).outcome,
    "library run, all of it": () => run(request),
  });
  print("library", results, [
    [
      "plan made before : bare bwrap",
      ratio(results, "library run, plan made before", "bwrap, same arguments, bare"),
      "≤ 1.3",
    ],
    ["all of it : bare bwrap", ratio(results, "library run, all of it", "bwrap, same arguments, bare")],
  ]);
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
