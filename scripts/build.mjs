// dist/: the library (tsc), the two commands (see bundle.mjs), the seccomp
// programs, the native helpers, and what V8 makes of the file that every start reads.
import { execFileSync } from "node:child_process";
import { chmod, rm } from "node:fs/promises";
import { bundle } from "./bundle.mjs";
import { precompile } from "./precompile.mjs";

process.chdir(new URL("..", import.meta.url).pathname);
const bin = (name) => `node_modules/.bin/${name}`;
const run = (command, ...args) => execFileSync(command, args, { stdio: "inherit" });

await rm("dist", { recursive: true, force: true });
run(process.execPath, "scripts/generate.mjs");
run(bin("tsc"), "-p", "tsconfig.json");
run(process.execPath, "scripts/seccomp.mjs", "dist/seccomp");
await bundle({ outdir: "dist/bin", minify: true });
for (const name of ["sandboxed-run", "sandboxed"]) await chmod(`dist/bin/${name}.cjs`, 0o755);
run("scripts/build-native", "dist/native");
await precompile("dist/bin");
