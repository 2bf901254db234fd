import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Metafile } from "esbuild";
import { bundle } from "../../scripts/bundle.mjs";

const checkout = new URL("../../", import.meta.url).pathname;

export interface Said {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Both commands as they are shipped, but without the native programs: whatever gets as far as a launch fails. */
export interface Bundle {
  readonly folder: string;
  readonly home: string;
  readonly meta: Metafile;
  readonly call: (command: Command, words: readonly string[], options?: CallOptions) => Said;
  readonly remove: () => void;
}

export type Command = "sandboxed-run" | "sandboxed";

export interface CallOptions {
  readonly cwd?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export async function makeBundle(): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), "bundle-"));
  const home = join(folder, "home");
  mkdirSync(join(home, "work"), { recursive: true });
  symlinkSync(join(checkout, "node_modules"), join(folder, "node_modules"));
  const { metafile: meta } = await bundle({ absWorkingDir: checkout, outdir: folder, metafile: true });
  const call: Bundle["call"] = (command, words, { cwd = join(home, "work"), environment = {} } = {}) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, `${command}.cjs`), ...words], {
      cwd,
      env: { PATH: "/usr/bin:/bin", HOME: home, ...environment },
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  };
  return { folder, home, meta, call, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
