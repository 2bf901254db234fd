// dist/: the library (tsc), the two commands (esbuild, one CommonJS file each for a quick start), the seccomp
// programs and the native helpers.
import { execFileSync } from "node:child_process";
import { chmod, rm } from "node:fs/promises";
import { build } from "esbuild";

process.chdir(new URL("..", import.meta.url).pathname);
const bin = (name) => `node_modules/.bin/${name}`;
const run = (command, ...args) => execFileSync(command, args, { stdio: "inherit" });

/** Help and the plan in words are read from the library when asked for, and cost nothing otherwise. */
const loadedLate = {
  name: "loaded-late",
  setup(bundle) {
    bundle.onResolve({ filter: /^\.\/(help|dry-run)\.ts$/ }, ({ path, kind }) =>
      kind === "dynamic-import" ? { path: path.replace("./", "../cli/").replace(".ts", ".js"), external: true } : null,
    );
  },
};

await rm("dist", { recursive: true, force: true });
run(process.execPath, "scripts/generate.mjs");
run(bin("tsc"), "-p", "tsconfig.json");
run(process.execPath, "scripts/seccomp.mjs", "dist/seccomp");
await build({
  entryPoints: { "sandboxed-run": "src/cli/sandboxed-run.ts", sandboxed: "src/cli/sandboxed.ts" },
  outdir: "dist/bin",
  outExtension: { ".js": ".cjs" },
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  minify: true,
  define: { "import.meta.dirname": "__dirname" },
  // What the start does not need is reached by import() of the built library, which stays outside the bundle.
  external: ["zod", "micromatch"],
  plugins: [loadedLate],
  banner: { js: "#!/usr/bin/env node" },
  logLevel: "warning",
  // Where a module asks for its own place, it asks the CommonJS way first.
  logOverride: { "empty-import-meta": "silent" },
});
for (const name of ["sandboxed-run", "sandboxed"]) await chmod(`dist/bin/${name}.cjs`, 0o755);
run("scripts/build-native", "dist/native");
