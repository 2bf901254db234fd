// What V8 makes of `run.cjs` while a program is started the way most are: launched before, nothing changed. A start that
// finds it compiles nothing.
import { execFileSync, spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Beside the command; where no program can be started here, nothing is kept, and starts compile. */
export async function precompile(folder) {
  const cache = resolve(folder, "run.cache");
  await rm(cache, { force: true });
  const place = await mkdtemp(join(tmpdir(), "sandboxed-precompile-"));
  const cwd = join(place, "workspace");
  const kept = join(place, "kept");
  await mkdir(cwd);
  execFileSync("git", ["init", "--quiet", cwd]);
  const words = ["--require", resolve("scripts/keep-code.cjs"), resolve(folder, "sandboxed-run.cjs"), "--", "true"];
  // The same every time: in another environment it would be decided afresh.
  const env = { PATH: process.env["PATH"], HOME: place, KEEP_CODE: kept };
  try {
    let [before, decided] = ["", "none"];
    for (let starts = 0; decided !== before && starts < MOST_STARTS; starts++) {
      if (spawnSync(process.execPath, words, { cwd, env }).status !== 0) {
        process.stderr.write("build: no program could be started here: run.cache is left out\n");
        return;
      }
      [before, decided] = [decided, await decisions(join(place, ".cache/sandboxed"))];
    }
    if (decided !== before)
      process.stderr.write("build: every start was decided afresh: run.cache holds what those run\n");
    await copyFile(kept, cache);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** The first one makes folders that the second one finds, which therefore decides again; so may a change of the host. */
const MOST_STARTS = 8;

/** What is kept of decisions: each one that is taken makes a file anew. */
async function decisions(folder) {
  const names = (await readdir(folder)).filter((name) => name.startsWith("recall-"));
  return JSON.stringify(await Promise.all(names.map(async (name) => [name, (await stat(join(folder, name))).ino])));
}
