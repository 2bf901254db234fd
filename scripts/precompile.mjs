// What V8 makes of `run.cjs` while a program is started the way most are: launched before, nothing changed. A start that
// finds it compiles nothing.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Beside the command; where no program can be started here, nothing is kept, and starts compile. */
export async function precompile(folder) {
  const command = resolve(folder, "sandboxed-run.cjs");
  const cache = resolve(folder, "run.cache");
  const place = await mkdtemp(join(tmpdir(), "sandboxed-precompile-"));
  const cwd = join(place, "workspace");
  await mkdir(cwd);
  execFileSync("git", ["init", "--quiet", cwd]);
  const environment = { PATH: process.env["PATH"], HOME: place };
  const start = (options, more) =>
    spawnSync(process.execPath, [...options, command, "--", "true"], { cwd, env: { ...environment, ...more } });
  try {
    start([]);
    start(["--require", resolve("scripts/keep-code.cjs")], { KEEP_CODE: cache });
    if (!existsSync(cache)) process.stderr.write("build: no program could be started here: run.cache is left out\n");
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}
