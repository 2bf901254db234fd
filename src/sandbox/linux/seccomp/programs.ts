import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { seccomp } from "../../../generated/data.ts";
import { assemble } from "./compile.ts";
import { seccompFileName } from "./file-name.ts";
import { parseTable, seccompArchs, seccompVariants } from "./table.ts";

/** Assembles every program of `sandbox-profiles/seccomp.toml` into `outdir` and returns the paths written. */
export function writeSeccompPrograms(outdir: string): readonly string[] {
  const table = parseTable(seccomp);
  mkdirSync(outdir, { recursive: true });
  return seccompArchs.flatMap((arch) =>
    seccompVariants.map((variant) => {
      const path = join(outdir, seccompFileName(arch, variant));
      writeFileSync(path, assemble(table, arch, variant), { mode: 0o644 });
      return path;
    }),
  );
}
