// The two commands, and what follows a killed one (`aftermath.cjs`), as CommonJS files for a quick start: what every
// start needs in one (`run.cjs`, which `sandboxed-run.cjs` starts), and what only some need (deciding afresh,
// explaining refusals, help) in files of their own beside it.
import { resolve } from "node:path";
import { build } from "esbuild";

const late = {
  decide: "src/cli/decide.ts",
  "dry-run": "src/cli/dry-run.ts",
  entrances: "src/sandbox/linux/run/entrances.ts",
  explain: "src/sandbox/linux/run/explain.ts",
  grants: "src/cli/grants.ts",
  help: "src/cli/help.ts",
  "mcp-tools": "src/cli/mcp/run-tools.ts",
  network: "src/network/index.ts",
  session: "src/session/index.ts",
  "spawned-run": "src/run/spawned.ts",
  "summary-text": "src/cli/summary-text.ts",
  recover: "src/audit/recover.ts",
  reload: "src/reload/reload.ts",
};

/** `others`: what becomes of dynamic imports of files that are not loaded late. */
const loadedLate = (others) => ({
  name: "loaded-late",
  setup({ onResolve }) {
    const names = new Map(Object.entries(late).map(([name, path]) => [resolve(path), name]));
    onResolve({ filter: /\.ts$/ }, ({ path, kind, resolveDir }) => {
      if (kind !== "dynamic-import") return null;
      const name = names.get(resolve(resolveDir, path));
      return name === undefined ? others(path) : { path: `./${name}.cjs`, external: true };
    });
  },
});

const insideToo = () => null;

/** In what a start reads no such import is left, and without it no module there is made to be loaded later. */
const leftOut = (path) => ({ path, external: true, sideEffects: false });

/** Returns esbuild's results as one. */
export async function bundle(options) {
  const common = {
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "cjs",
    // The loader of ES modules takes longer to start than any of these files to read.
    supported: { "dynamic-import": false },
    define: { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename" },
    // Found beside the tool by the few commands and runs that need them.
    external: ["zod", "micromatch", "@modelcontextprotocol/*"],
    logLevel: "warning",
    // Where a module asks for its own place, it asks the CommonJS way first.
    logOverride: { "empty-import-meta": "silent" },
    ...options,
  };
  const results = await Promise.all([
    build({
      ...common,
      entryPoints: { run: "src/cli/run-command.ts" },
      // `sandboxed-run.cjs` runs it without the loader of CommonJS modules, which would not take what V8 made of it.
      banner: { js: "(function (require, __dirname, __filename) {" },
      footer: { js: "})" },
      plugins: [loadedLate(leftOut)],
    }),
    build({
      ...common,
      entryPoints: {
        "sandboxed-run": "src/cli/sandboxed-run.ts",
        sandboxed: "src/cli/sandboxed.ts",
        aftermath: "src/cli/aftermath.ts",
        ...late,
      },
      plugins: [loadedLate(insideToo)],
    }),
  ]);
  const [inputs, outputs] = ["inputs", "outputs"].map((part) =>
    Object.assign({}, ...results.map(({ metafile }) => metafile?.[part])),
  );
  return { metafile: { inputs, outputs } };
}
