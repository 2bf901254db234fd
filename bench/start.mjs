// `sandboxed-run -- true`, cold, in a workspace with one repository, against `node -e 0` and, where they were
// installed into bench/scratch (npm install --prefix bench/scratch NAME), against two peers.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { interleave, print, ratio } from "./interleave.mjs";

const root = new URL("..", import.meta.url).pathname;
const workspace = mkdtempSync(join(tmpdir(), "sandboxed-bench-"));
try {
  execFileSync("git", ["init", "-q", workspace]);
  writeFileSync(join(workspace, "file"), "x");
  const acts = {
    "node -e 0": [process.execPath, "-e", "0"],
    "sandboxed-run -- true": [process.execPath, join(root, "dist/bin/sandboxed-run.cjs"), "--", "true"],
  };
  const peers = {
    "sandbox-runtime (srt true)": join(root, "bench/scratch/node_modules/.bin/srt"),
    "codex sandbox -- true": join(root, "bench/scratch/node_modules/.bin/codex"),
  };
  for (const [name, path] of Object.entries(peers)) {
    if (!existsSync(path)) console.log(`skipped: ${name} is not installed in bench/scratch`);
    else acts[name] = name.startsWith("codex") ? [path, "sandbox", "--", "true"] : [path, "true"];
  }
  const results = await interleave(acts, { cwd: workspace });
  const ratios = [["sandboxed-run : node -e 0", ratio(results, "sandboxed-run -- true", "node -e 0"), "≤ 2"]];
  for (const name of Object.keys(peers)) {
    if (results.has(name))
      ratios.push([
        `${name} : sandboxed-run`,
        ratio(results, name, "sandboxed-run -- true"),
        name.startsWith("codex") ? "> 1" : "≥ 6",
      ]);
  }
  print("start of a command", results, ratios);
} finally {
  rmSync(workspace, { recursive: true, force: true });
}
