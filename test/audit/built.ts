import { join } from "node:path";
import { buildSync } from "esbuild";

/** The folder bundled as the command line ships it (CommonJS), for tests that need processes of their own. */
export function buildAudit(folder: string): string {
  const outfile = join(folder, "audit.cjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, "../../src/audit/index.ts")],
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    outfile,
    logLevel: "error",
  });
  return outfile;
}
